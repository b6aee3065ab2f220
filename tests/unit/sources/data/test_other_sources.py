"""`hf:`, `torchvision:` and `py:`, offline."""

import sys

import numpy as np
import pytest

from assay.errors import DataError, MissingExtraError, OfflineError, UnknownNameError, UsageError
from assay.sources.data import load_data

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def _quiet():
    """The hub's library shows no progress bars."""
    datasets.disable_progress_bars()


def _saved(path, splits, **columns):
    features = datasets.Features(columns)
    made = {split: datasets.Dataset.from_dict(rows, features=features) for split, rows in splits.items()}
    datasets.DatasetDict(made).save_to_disk(str(path))
    return path


def test_a_saved_folder_of_texts(tmp_path):
    """Text and class columns are told from the description; a split without labels is left out and noted."""
    folder = _saved(
        tmp_path / "saved",
        {"train": {"text": ["a", "b", "c"], "label": [0, 1, 0]}, "validation": {"text": ["d", "e"], "label": [1, 0]},
         "test": {"text": ["f"], "label": [-1]}},
        text=datasets.Value("string"), label=datasets.ClassLabel(names=["bad", "good"]),
    )  # fmt: skip
    data = load_data(f"hf:{folder}", offline=True)

    assert data.task.classes == ("bad", "good")
    assert data.splits.tolist() == ["train"] * 3 + ["valid"] * 2
    assert data.load(np.array([4, 0])) == ["e", "a"]
    assert data.notes["splits_without_labels"] == {"test": 1}
    assert len(load_data(f"hf:{folder}?split=train")) == 3
    with pytest.raises(UnknownNameError, match="'train'"):
        load_data(f"hf:{folder}?split=trian")
    with pytest.raises(DataError, match="no split has labels"):
        load_data(f"hf:{folder}?split=test")


def test_a_saved_folder_of_images(tmp_path, picture):
    """Images of the hub stay encoded until they are asked for; a damaged one is named by its row."""
    contents = [picture(tmp_path / f"{i}.png").read_bytes() for i in range(4)]
    rows = {"image": [{"bytes": content, "path": None} for content in contents], "label": [0, 1, 0, 1]}
    kinds = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["x", "y"])}
    data = load_data(f"hf:{_saved(tmp_path / 'ok', {'train': rows}, **kinds)}")
    assert [image.size for image in data.load(np.array([3, 1]))] == [(24, 16), (24, 16)]

    rows["image"][2]["bytes"] = contents[2][:50]
    with pytest.raises(DataError, match="row 3: "):
        load_data(f"hf:{_saved(tmp_path / 'bad', {'train': rows}, **kinds)}")


def test_labels_in_lists_are_multilabel(tmp_path):
    """A column of lists of classes makes a multilabel task with the declared names."""
    folder = _saved(
        tmp_path / "many", {"train": {"text": ["a", "b", "c"], "tags": [[0], [0, 1], []]}},
        text=datasets.Value("string"), tags=datasets.List(datasets.ClassLabel(names=["sad", "glad"])),
    )  # fmt: skip
    data = load_data(f"hf:{folder}")

    assert data.task.kind == "multilabel"
    assert data.targets.tolist() == [[1, 0], [1, 1], [0, 0]]


def test_declared_classes_without_items_are_named_or_left_out(tmp_path):
    """A declared class that no row carries is an error, and with bad=skip a note."""
    folder = _saved(
        tmp_path / "sparse", {"train": {"text": ["a", "b", "c"], "label": [0, 2, 0]}},
        text=datasets.Value("string"), label=datasets.ClassLabel(names=["p", "q", "r"]),
    )  # fmt: skip
    with pytest.raises(DataError, match="class 'q' has no items"):
        load_data(f"hf:{folder}")
    data = load_data(f"hf:{folder}?bad=skip")
    assert data.task.classes == ("p", "r")
    assert data.notes["skipped"]["reasons"] == {"a class without items": 1}


@pytest.mark.parametrize("offline", [True, None])
def test_a_hub_name_offline_says_what_to_put_where(offline):
    """Without network and copy the error has the command that makes one, and the name to use for it."""
    with pytest.raises(OfflineError, match=r"load_dataset\('nobody/nothing'\)\.save_to_disk\('nothing'\).*hf:nothing"):
        load_data("hf:nobody/nothing", offline=offline)


def test_without_its_package_the_extra_is_named(monkeypatch):
    """Without the package datasets the error names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"assay\[hub\]"):
        load_data("hf:imdb")


def test_torchvisions_fake_data():
    """Torchvision's own fake data set loads as images; its options reach it with their types."""
    pytest.importorskip("torchvision")
    data = load_data("torchvision:FakeData?size=12&num_classes=3&image_size=3,20,20")

    assert (len(data), data.modality) == (12, "image")
    assert data.load(np.array([0]))[0].size == (20, 20)
    with pytest.raises(UnknownNameError, match="'CIFAR10'"):
        load_data("torchvision:CIFAR1O")
    with pytest.raises(UnknownNameError, match="option 'sise'"):
        load_data("torchvision:FakeData?sise=12")


def test_torchvision_offline_says_where_files_belong(tmp_path):
    """Without files and network the error names the folder that was looked in."""
    pytest.importorskip("torchvision")
    with pytest.raises(OfflineError, match=rf"not found in {tmp_path}"):
        load_data(f"torchvision:CIFAR10?root={tmp_path}", offline=True)


def test_torchvision_reads_published_parts(tmp_path):
    """MNIST in torchvision's own files gives train and test parts with the class names of its description."""
    pytest.importorskip("torchvision")
    import struct

    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for stem, n in (("train", 20), ("t10k", 10)):
        pixels = np.random.default_rng(n).integers(0, 255, (n, 28, 28)).astype(np.uint8)
        (raw / f"{stem}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, n, 28, 28) + pixels.tobytes())
        labels = (np.arange(n) % 10).astype(np.uint8)
        (raw / f"{stem}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, n) + labels.tobytes())
    data = load_data(f"torchvision:MNIST?root={tmp_path}", offline=True)

    assert (data.splits == "train").sum() == 20
    assert data.task.classes[0] == "0 - zero"
    assert data.load(np.array([29]))[0].size == (28, 28)


MODULE = """
import numpy as np
import pandas as pd
from assay.sources.data import from_arrays

def arrays(n=6, noise=0.5, plain=False):
    return np.arange(2 * n, dtype=float).reshape(n, 2), np.arange(n) % 2

def frame():
    return pd.DataFrame({"body": ["a", "b", "c"], "y": [0, 1, 0]})

def dataset():
    return from_arrays(["a", "b"], [0, 1], name="inner")

def nothing():
    return 7

number = 3
"""


@pytest.fixture
def module(tmp_path):
    """A module beside the study."""
    (tmp_path / "my_assay_data.py").write_text(MODULE)
    yield tmp_path
    sys.modules.pop("my_assay_data", None)


def test_functions_of_ones_own(module):
    """A function may return a Dataset, a pair or a data frame; the reference keeps the name that was typed."""
    pair = load_data("py:my_assay_data:arrays?n=8", root=module)
    frame = load_data("py:my_assay_data:frame?text=body&label=y", root=module)
    whole = load_data("py:my_assay_data:dataset", root=module)

    assert (len(pair), pair.modality) == (8, "table")
    assert frame.load(np.array([1])) == ["b"]
    assert whole.ref.uri == "py:my_assay_data:dataset"
    assert len(whole.ref.revision) == 64


@pytest.mark.parametrize(
    ("name", "error", "wanted"),
    [
        ("py:my_assay_data", UsageError, "py:package.module:function"),
        ("py:no_such_module:x", UsageError, "no module 'no_such_module'"),
        ("py:my_assay_data:array", UsageError, "did you mean 'arrays'"),
        ("py:my_assay_data:number", UsageError, "number is no function"),
        ("py:my_assay_data:nothing", DataError, "the function returned int"),
        ("py:my_assay_data:arrays?n=many", UsageError, "'many' is no value like 6"),
        ("py:my_assay_data:arrays?noise=x", UsageError, "'x' is no value like 0.5"),
        ("py:my_assay_data:arrays?size=3", UnknownNameError, "option 'size'"),
        ("py:my_assay_data:frame?text=bdy&label=y", UnknownNameError, "'body'"),
    ],
)
def test_faulty_functions_are_named(module, name, error, wanted):
    """Each way that a function cannot give data has its message."""
    with pytest.raises(error, match=wanted):
        load_data(name, root=module)


def test_the_path_of_imports_is_left_as_it_was(module):
    """Loading from a module beside the study leaves the import path as it was, also after an error."""
    before = list(sys.path)
    load_data("py:my_assay_data:frame?text=body&label=y", root=module)
    with pytest.raises(UsageError):
        load_data("py:my_assay_data:absent", root=module)
    assert sys.path == before


def test_every_data_source_is_registered():
    """Each scheme of the registry loads its function, and each function takes a reference."""
    from assay.builtin import DATA_SOURCES

    assert set(DATA_SOURCES) >= {"csv", "folder", "hf", "jsonl", "parquet", "py", "sklearn", "torchvision", "tsv"}
    assert all(callable(DATA_SOURCES[name]) for name in DATA_SOURCES)
