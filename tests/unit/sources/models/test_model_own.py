"""Models of one's own: what a factory may return, from a module or a file, and what is said when it cannot be used."""

import numpy as np
import pytest
import torch

from assay.contracts import Model
from assay.errors import NonFiniteError, UnknownNameError, UsageError
from assay.sources.models import load_model
from assay.sources.models.weights.twin import bare, drawn, redraw
from assay.testing.models import FakeModel, renamed
from assay.testing.tiny_networks import convolutions, perceptron


def written(tmp_path, body):
    path = tmp_path / "own.py"
    path.write_text("import numpy as np\nimport torch\n" + body)
    return f"py:{path}:factory"


def test_a_bare_module_of_rows_needs_nothing_else():
    """A module that starts with a dense layer says by it what it reads."""
    model = load_model("py:assay.testing.tiny_networks:perceptron")

    assert (model.info.modality, model.info.width, model.info.parameters) == ("table", 5, 65)
    assert model.info.flops == 2 * (4 * 6 + 6 * 5)
    assert model.encode(model.collate([[1, 2, 3, 4]])).shape == (1, 5)


def test_a_module_may_bring_its_own_preprocessing(tmp_path):
    """`preprocess`, `input_shape`, `modality` and `licence` are read from the module."""
    name = written(
        tmp_path,
        "def factory():\n"
        "    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 4 * 4, 2))\n"
        "    net.input_shape, net.licence = (3, 4, 4), 'MIT'\n"
        "    net.preprocess = lambda image: np.asarray(image.resize((4, 4)), dtype='f4').transpose(2, 0, 1) / 255\n"
        "    return net\n",
    )
    from PIL import Image

    model = load_model(name)
    assert (model.info.modality, model.info.licence) == ("image", "MIT")
    assert model.collate([Image.new("RGB", (9, 7))])["x"].shape == (1, 3, 4, 4)


def test_an_image_module_without_preprocessing_takes_images_of_its_size():
    """Pixels are divided by 255; another size is refused, because resizing would be a guess."""
    model = load_model("py:assay.testing.tiny_networks:convolutions")
    white = np.full((16, 16, 3), 255, dtype=np.uint8)

    np.testing.assert_allclose(model.collate([white])["pixels"], 1.0)
    with pytest.raises(Exception, match="declares no resizing"):
        model.collate([white[:8]])


def test_a_plain_function_is_a_model_too(tmp_path):
    """A list of items → array; its width is declared, and its code is its revision."""
    body = "def factory():\n    def lengths(items):\n        return np.array([[len(i), {}] for i in items])\n"
    end = "    lengths.width, lengths.modality = 2, 'text'\n    return lengths\n"
    first = load_model(written(tmp_path, body.format(1) + end))
    features = first.encode(first.collate(["ab", "abc"]))
    second = load_model(written(tmp_path, body.format(2) + end))

    assert isinstance(first, Model)
    assert first.network is None
    assert features.tolist() == [[2, 1], [3, 1]]
    assert first.ref.revision != second.ref.revision
    with pytest.raises(UsageError, match="weights that can be drawn anew"):
        load_model(f"random:{first.ref.uri}")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def factory():\n    return 3\n", "gave int"),
        ("def factory():\n    return lambda items: items\n", "its attribute `width`"),
        ("def factory():\n    return torch.nn.Conv2d(3, 4, 3)\n", "set `input_shape`"),
        ("other = 1\n", "unknown factory 'factory'"),
        (
            "def factory():\n    net = torch.nn.Conv2d(3, 4, 3)\n    net.input_shape = (3, 8, 8)\n    return net\n",
            r"gives \(1, 4, 6, 6\) for one item",
        ),
        (
            "def factory():\n    net = torch.nn.Linear(5, 4)\n    net.input_shape = (6,)\n    return net\n",
            "does not run on an example",
        ),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path, body, message):
    """Each way in which a factory can miss the protocol has its own message."""
    with pytest.raises(UsageError, match=message):
        load_model(written(tmp_path, body))


def test_a_missing_module_or_file_is_said(tmp_path):
    """A module that is not there is told from one that fails inside."""
    with pytest.raises(UnknownNameError, match="unknown module"):
        load_model("py:no.such.package:factory")
    with pytest.raises(UsageError, match="no such file"):
        load_model(f"py:{tmp_path}/none.py:factory")
    with pytest.raises(UsageError, match="package.module:factory"):
        load_model("py:factory")
    with pytest.raises(ModuleNotFoundError, match="not_installed_here"):
        load_model(written(tmp_path, "import not_installed_here\n"))


def test_a_model_that_gives_nan_fails_when_it_encodes():
    """Loading is no failure; encoding names the model and how many items are bad."""
    model = load_model("py:assay.testing.tiny_networks:diverged")

    with pytest.raises(NonFiniteError, match="2 of 2 items"):
        model.encode(model.collate([[1, 2, 3, 4], [5, 6, 7, 8]]))
    broken = FakeModel("image", broken=True)
    assert np.isnan(broken.encode(broken.collate([np.zeros((8, 8), np.uint8)]))).all()


def test_a_twin_is_drawn_by_each_layers_own_rule_and_statistics_start_anew():
    """No parameter keeps its value, running means return to 0, and the seed decides."""
    trained = convolutions()
    trained.blocks[0].norm.running_mean.fill_(3.0)
    before = {name: value.clone() for name, value in trained.state_dict().items()}
    after = redraw(trained, 1).state_dict()
    again, other = redraw(convolutions(), 1).state_dict(), redraw(convolutions(), 2).state_dict()

    assert not after["blocks.0.norm.running_mean"].any()
    assert not torch.equal(before["stem.weight"], after["stem.weight"])
    assert all(torch.equal(after[name], again[name]) for name in after)
    assert not torch.equal(after["stem.weight"], other["stem.weight"])


def test_drawing_leaves_the_global_generators_as_they_were():
    """A twin in the middle of a run changes no other draw, and no other draw changes a twin."""
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    with drawn(9):
        first = torch.rand(3)
    after = torch.rand(3)
    with drawn(9):
        second = torch.rand(3)

    assert torch.equal(after, expected)
    assert torch.equal(first, second)


def test_architectures_are_built_without_weights_where_that_is_possible():
    """On the meta device no memory is taken; what fails there is built for real."""
    assert next(bare(lambda: torch.nn.Linear(3, 2)).parameters()).is_meta

    def needs_values():
        net = torch.nn.Linear(3, 2)
        return net if float(net.weight.sum()) < 1e9 else None

    assert not next(bare(needs_values).parameters()).is_meta


def test_flops_are_unknown_where_they_cannot_be_counted(tmp_path):
    """A recurrent layer is invisible to the counter, so the number is not given."""
    name = written(
        tmp_path,
        "class Last(torch.nn.Module):\n"
        "    input_shape = (7, 3)\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.net = torch.nn.GRU(3, 4, batch_first=True)\n"
        "    def forward(self, x):\n"
        "        return self.net(x)[0][:, -1]\n"
        "def factory():\n"
        "    return Last()\n",
    )
    assert load_model(name).info.flops is None


def test_two_fakes_may_stand_in_one_study():
    """Renaming gives another reference and the same features."""
    first, second = FakeModel("table"), renamed(FakeModel("table"), "second")

    assert first.ref.uri != second.ref.uri
    np.testing.assert_array_equal(*(m.encode(m.collate([[1.0, 2.0]])) for m in (first, second)))
    assert perceptron()(torch.zeros(1, 4)).shape == (1, 5)
