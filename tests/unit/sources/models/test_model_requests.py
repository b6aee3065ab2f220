"""Names that users type, their options, and the door to the sources."""

import pytest

from assay.errors import UnknownNameError, UsageError
from assay.sources.models import describe_model, load_model
from assay.sources.models.request import join_options, split_options


def test_options_are_read_and_written_in_one_order():
    """The same options in another order are the same name."""
    path, options = split_options("org/name?pooling=cls&layer=6")

    assert (path, options) == ("org/name", {"pooling": "cls", "layer": "6"})
    assert join_options(path, options) == "org/name?layer=6&pooling=cls"
    assert split_options("plain") == ("plain", {})


@pytest.mark.parametrize("name", ["a?size", "a?size=", "a?size=1&size=2"])
def test_options_of_another_form_are_refused(name):
    """An option without a value, or given twice, is an error and not a guess."""
    with pytest.raises(UsageError):
        split_options(name)


def test_keywords_become_options_of_the_reference():
    """`layer=2` and `?layer=2` give the same reference, so the same features' key."""
    first = load_model("py:assay.testing.tiny_networks:perceptron", layer=1)
    second = load_model("py:assay.testing.tiny_networks:perceptron?layer=1")

    assert first.ref == second.ref
    assert first.info.layer == "1 of 2"


def test_an_unknown_source_option_or_model_names_the_nearest():
    """Each part of a name that is wrong is answered with what would have worked."""
    with pytest.raises(UnknownNameError, match="did you mean 'timm'"):
        load_model("tim:resnet18")
    with pytest.raises(UnknownNameError, match="did you mean 'layer'"):
        load_model("py:assay.testing.models:fake_rows?lair=1")
    with pytest.raises(UnknownNameError, match="did you mean 'resnet18'"):
        load_model("timm:resnet19", offline=True)
    with pytest.raises(UnknownNameError, match=r"resnet18\.a1_in1k"):
        load_model("timm:resnet18.a1_in2k", offline=True)
    with pytest.raises(UnknownNameError, match="'resnet50' or"):
        load_model("torchvision:resnet5", offline=True)
    with pytest.raises(UnknownNameError, match="IMAGENET1K_V2"):
        load_model("torchvision:resnet50@IMAGENET1K_V3", offline=True)
    with pytest.raises(UnknownNameError, match="fake_rows"):
        load_model("py:assay.testing.models:fake_row")


def test_a_missing_file_or_folder_names_its_neighbours(bert, tmp_path):
    """A path that is slightly wrong is answered with the paths beside it."""
    with pytest.raises(UnknownNameError, match="bert"):
        load_model(f"hf:{bert.parent}/bart", offline=True)
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(UnknownNameError, match=r"model\.onnx"):
        load_model(f"onnx:{tmp_path}/modal.onnx")
    (tmp_path / "net.keras").write_bytes(b"")
    with pytest.raises(UnknownNameError, match=r"net\.keras"):
        load_model(f"keras:{tmp_path}/met.keras")


def test_a_number_or_word_out_of_range_is_refused(bert):
    """Options are checked before anything is computed."""
    with pytest.raises(UsageError, match="whole number"):
        load_model(f"hf:{bert}?layer=last")
    with pytest.raises(UsageError, match="between 0 and 3"):
        load_model(f"hf:{bert}?layer=9")
    with pytest.raises(UnknownNameError, match="known: cls, last, max, mean"):
        load_model(f"hf:{bert}?pooling=zzzzzz")
    with pytest.raises(UsageError, match="max_length must be between 1 and 40"):
        load_model(f"hf:{bert}?max_length=4000")


def test_describing_needs_no_weights(bert, timm_folder, tmp_path):
    """Facts are told from the architecture alone and equal those of the loaded model."""
    for source, folder in (("hf", bert), ("timm", timm_folder)):
        bare = tmp_path / source
        bare.mkdir()
        for file in folder.iterdir():
            if file.suffix != ".safetensors":
                (bare / file.name).write_bytes(file.read_bytes())
        told, loaded = describe_model(f"{source}:{bare}"), load_model(f"{source}:{folder}").info

        assert (told.width, told.parameters, told.flops) == (loaded.width, loaded.parameters, loaded.flops)
        assert (told.preprocessing, told.pooling, told.licence) == (
            loaded.preprocessing,
            loaded.pooling,
            loaded.licence,
        )


def test_describing_architectures_gives_published_figures():
    """ResNet-18 has 11.7 million parameters, 0.5 of them in its classifier, and 1.8 billion multiply-adds."""
    for name in ("timm:resnet18.a1_in1k", "torchvision:resnet18"):
        told = describe_model(name, offline=True)

        assert told.width == 512
        assert told.parameters == 11_689_512 - 513_000
        assert told.flops == pytest.approx(2 * 1.814e9, rel=0.01)


def test_describing_a_source_without_an_outline_loads_it():
    """Where the architecture is not known beforehand, the model is loaded."""
    assert describe_model("py:assay.testing.models:fake_rows").width == 8
