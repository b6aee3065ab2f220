"""Loading is safe: nothing that a file brings is run, and damage is named."""

import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, external_data_helper, helper, numpy_helper
from safetensors.torch import load_file, save_file

from assay.errors import DataError, OfflineError, UntrustedError, UsageError
from assay.sources.models import load_model
from assay.sources.models.weights.digest import digest_files
from assay.sources.models.weights.fetch import fetch_url
from assay.sources.models.weights.reading import PICKLED, TRUSTED
from assay.testing import tiny


class Marker:
    """What an attacker would put into a pickle: reading it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "code-was-run"


def with_pickle(folder: Path, name: str, content) -> Path:
    """The folder with its safetensors replaced by a torch file of the content."""
    (folder / "model.safetensors").unlink()
    torch.save(content, folder / name)
    return folder


def test_a_pickle_that_runs_code_is_never_run(tmp_path, marker):
    """Every source refuses it, says how to insist, and the attacker's file is not there."""
    shufflenet = tmp_path / "w.pth"
    torch.save({"x": Marker(marker)}, shufflenet)
    old = tmp_path / "old.pt"
    old.write_bytes(pickle.dumps(Marker(marker)))
    names = [
        f"hf:{with_pickle(tiny.text_encoder(tmp_path / 'hf'), 'pytorch_model.bin', {'x': Marker(marker)})}",
        f"timm:{with_pickle(tiny.timm_folder(tmp_path / 'timm'), 'pytorch_model.bin', {'x': Marker(marker)})}",
        f"torchvision:shufflenet_v2_x0_5@{shufflenet}",
        f"torchvision:shufflenet_v2_x0_5@{old}",
    ]
    for name in names:
        with pytest.raises(UntrustedError, match="trust=True"):
            load_model(name, offline=True)
    assert not marker.exists()


def test_a_dense_layer_of_a_sentence_encoder_is_read_as_safely(tmp_path, marker):
    """Files in the inner folders of a model are no way around."""
    folder = tiny.sentence_encoder(tmp_path / "st")
    with_pickle(folder / "2_Dense", "pytorch_model.bin", {"linear.weight": Marker(marker)})

    with pytest.raises(UntrustedError):
        load_model(f"st:{folder}", offline=True)
    assert not marker.exists()


def test_trust_is_given_to_one_model(tmp_path, marker):
    """With the user's word the same file is read, the model says so, and its features are the plain file's."""
    folder = tiny.timm_folder(tmp_path / "timm")
    state = load_file(folder / "model.safetensors")
    plain = load_model(f"timm:{folder}", offline=True)
    with_pickle(folder, "pytorch_model.bin", {"state_dict": state, "note": Marker(marker)})

    with pytest.raises(UntrustedError):
        load_model(f"timm:{folder}", offline=True)
    trusted = load_model(f"timm:{folder}", offline=True, trust=True)

    assert marker.exists()
    assert TRUSTED in trusted.info.notes
    image = [np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)]
    np.testing.assert_array_equal(plain.encode(plain.collate(image)), trusted.encode(trusted.collate(image)))


def test_plain_torch_files_are_read_and_noted(tmp_path):
    """Tensors in a torch file are allowed; the model carries a note and the same features."""
    folder = tiny.text_encoder(tmp_path / "hf")
    before = load_model(f"hf:{folder}", offline=True)
    with_pickle(folder, "pytorch_model.bin", load_file(folder / "model.safetensors"))
    after = load_model(f"hf:{folder}", offline=True)

    assert PICKLED in after.info.notes
    assert PICKLED not in before.info.notes
    np.testing.assert_array_equal(*(m.encode(m.collate(["the cat runs"])) for m in (before, after)))


def test_code_of_a_repository_is_refused_and_runs_only_on_the_users_word(tmp_path, marker):
    """An architecture that the folder brings as Python is not imported without trust."""
    folder = tmp_path / "own"
    folder.mkdir()
    code = (
        "import torch, pathlib\n"
        "from transformers import PretrainedConfig, PreTrainedModel\n"
        "from transformers.modeling_outputs import BaseModelOutput\n"
        f"pathlib.Path({str(marker)!r}).touch()\n"
        "class OwnConfig(PretrainedConfig):\n"
        "    model_type = 'assay-own-architecture'\n"
        "    vocab_size = 60\n"
        "class OwnModel(PreTrainedModel):\n"
        "    config_class = OwnConfig\n"
        "    def __init__(self, config):\n"
        "        super().__init__(config)\n"
        "        self.table = torch.nn.Embedding(60, 4)\n"
        "        self.post_init()\n"
        "    def forward(self, input_ids, attention_mask=None):\n"
        "        return BaseModelOutput(last_hidden_state=self.table(input_ids))\n"
    )
    (folder / "own.py").write_text(code)
    (folder / "config.json").write_text(
        '{"model_type": "assay-own-architecture", "architectures": ["OwnModel"],'
        ' "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}}'
    )
    tiny.tokenizer().save_pretrained(folder)
    save_file({"table.weight": torch.ones(60, 4)}, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(UntrustedError, match="architecture is code of its own"):
        load_model(f"hf:{folder}", offline=True)
    assert not marker.exists()

    model = load_model(f"hf:{folder}", offline=True, trust=True)
    assert marker.exists()
    np.testing.assert_array_equal(model.encode(model.collate(["the cat"])), np.ones((1, 4)))


def test_keras_files_with_functions_and_old_formats_are_refused(tmp_path):
    """A Lambda layer and an h5 file need the user's word."""
    import keras

    held = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2), keras.layers.Dense(3)])
    held.save(tmp_path / "lambda.keras")
    (tmp_path / "old.h5").write_bytes(b"\x89HDF")

    with pytest.raises(UntrustedError, match="functions of its own"):
        load_model(f"keras:{tmp_path}/lambda.keras")
    with pytest.raises(UntrustedError, match=r"save it as \.keras"):
        load_model(f"keras:{tmp_path}/old.h5")


@pytest.mark.parametrize("where", ["../secret", "/etc/hostname", "link", "inside/../../secret"])
def test_onnx_data_outside_the_folder_are_refused(tmp_path, where):
    """A path upwards, an absolute path and a link out of the folder are not followed."""
    folder = tmp_path / "model"
    (folder / "inside").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"\0" * 64)
    os.symlink(tmp_path / "secret", folder / "link")
    weight = numpy_helper.from_array(np.zeros((4, 4), dtype=np.float32), "w")
    external_data_helper.set_external_data(weight, where)
    weight.ClearField("raw_data")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", 4]) for name in ("x", "y"))
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], initializer=[weight])
    (folder / "m.onnx").write_bytes(helper.make_model(graph).SerializeToString())

    with pytest.raises(UntrustedError, match="outside its folder"):
        load_model(f"onnx:{folder}/m.onnx", trust=True)


def test_onnx_data_beside_the_file_are_read_and_belong_to_the_revision(tmp_path):
    """Large arrays kept in a second file are loaded, and changing them changes the revision."""
    path = tiny.onnx_image_file(tmp_path / "plain.onnx")
    plain = load_model(f"onnx:{path}")
    onnx.save(
        onnx.load(path), str(tmp_path / "split.onnx"), save_as_external_data=True, location="data.bin", size_threshold=0
    )
    split = load_model(f"onnx:{tmp_path}/split.onnx")
    image = [np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)]

    np.testing.assert_array_equal(plain.encode(plain.collate(image)), split.encode(split.collate(image)))
    changed = bytearray((tmp_path / "data.bin").read_bytes())
    changed[0] ^= 1
    (tmp_path / "data.bin").write_bytes(changed)
    assert load_model(f"onnx:{tmp_path}/split.onnx").ref.revision != split.ref.revision


def test_damaged_weights_are_named(tmp_path):
    """A truncated file is an error about that file, whatever its format."""
    folder = tiny.text_encoder(tmp_path / "hf")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"hf.*cannot be read"):
        load_model(f"hf:{folder}", offline=True)

    graph = tiny.onnx_image_file(tmp_path / "m.onnx")
    graph.write_bytes(graph.read_bytes()[:200])
    with pytest.raises(DataError, match=r"m\.onnx cannot be read"):
        load_model(f"onnx:{graph}")

    torchvision = tiny.torchvision_weights(tmp_path / "w.safetensors")
    with pytest.raises(DataError, match="do not fit the architecture"):
        load_model(f"torchvision:resnet18@{torchvision}")


def test_weights_that_lack_arrays_are_an_error_and_not_random(tmp_path):
    """A backbone is never completed by random numbers."""
    folder = tiny.text_encoder(tmp_path / "hf")
    state = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in state.items() if "layer.2" not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(DataError, match="lack 16 arrays"):
        load_model(f"hf:{folder}", offline=True)


def test_a_tokenizer_that_does_not_fit_is_refused(tmp_path):
    """More tokens than the network has rows would read past its table."""
    folder = tiny.text_encoder(tmp_path / "hf")
    large = tiny.tokenizer()
    large.add_tokens([f"extra{k}" for k in range(50)])
    large.save_pretrained(folder)

    with pytest.raises(DataError, match="do not fit"):
        load_model(f"hf:{folder}", offline=True)


def test_a_changed_byte_changes_the_revision_and_a_note_does_not(tmp_path):
    """The revision follows what the model computes, not what is written about it."""
    folder = tiny.text_encoder(tmp_path / "hf")
    before = digest_files(folder)
    (folder / "NOTES.md").write_text("a note")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "lock.json").write_text("{}")
    assert digest_files(folder) == before

    state = load_file(folder / "model.safetensors")
    state["embeddings.LayerNorm.bias"][0] += 1e-6
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    assert digest_files(folder) != before


def test_offline_without_a_cache_says_what_to_put_where(tmp_path, monkeypatch):
    """The message has the cache, the folder's name in it and the command that fetches it."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for name in ("hf:org/some-model", "st:org/some-model", "timm:org/some-model"):
        with pytest.raises(OfflineError) as caught:
            load_model(name, offline=True)
        assert str(tmp_path) in str(caught.value)
        assert "models--org--some-model" in str(caught.value)
        assert "hf download org/some-model" in str(caught.value)

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(OfflineError, match=r"resnet18-f37072fd\.pth is not in"):
        load_model("torchvision:resnet18", offline=True)


def test_a_cached_repository_is_read_offline_and_named_by_its_commit(tmp_path, monkeypatch):
    """What the hub's client has stored is used; a resolved reference keeps its commit when the hub moves on."""
    from huggingface_hub import constants

    commit = "0123456789abcdef0123456789abcdef01234567"
    entry = tmp_path / "models--org--tiny"
    tiny.text_encoder(entry / "snapshots" / commit)
    (entry / "refs").mkdir()
    (entry / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))

    model = load_model("hf:org/tiny", offline=True)
    assert model.ref.revision == commit
    assert model.ref.uri == "hf:org/tiny"
    assert model.info.licence == "apache-2.0"

    newer = "f" * 40
    tiny.text_encoder(entry / "snapshots" / newer, seed=1)
    (entry / "refs" / "main").write_text(newer)
    assert load_model("hf:org/tiny", offline=True).ref.revision == newer
    assert load_model(model.ref, offline=True).ref.revision == commit
    assert load_model(f"hf:org/tiny@{commit}", offline=True).ref.revision == commit


def test_a_file_behind_a_url_is_fetched_once_and_checked(tmp_path, monkeypatch):
    """The digest in a name is compared; what is there already is not fetched again."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    origin = tmp_path / "weights"
    origin.write_bytes(b"some weights")
    right = tmp_path / f"net-{hashlib.sha256(b'some weights').hexdigest()[:8]}.pth"
    wrong = tmp_path / "net-00000000.pth"
    origin.rename(right)
    wrong.write_bytes(b"other weights")

    fetched = fetch_url(right.as_uri(), uri="timm:net", offline=False)
    right.unlink()
    assert fetch_url(right.as_uri(), uri="timm:net", offline=True) == fetched
    with pytest.raises(DataError, match="did not give the file"):
        fetch_url(wrong.as_uri(), uri="timm:net", offline=False)
    with pytest.raises(OfflineError, match=r"net-12345678\.pth"):
        fetch_url((tmp_path / "net-12345678.pth").as_uri(), uri="timm:net", offline=False)


def test_a_folder_that_is_no_model_says_so(tmp_path):
    """An empty folder lacks its configuration; a text model without a tokenizer cannot be read."""
    with pytest.raises(OfflineError, match=r"no config\.json"):
        load_model(f"hf:{tmp_path}", offline=True)
    lonely = tiny.onnx_text_file(tmp_path / "text")
    (lonely.parent / "tokenizer.json").unlink()
    with pytest.raises(UsageError, match=r"put its tokenizer\.json beside it"):
        load_model(f"onnx:{lonely}")
