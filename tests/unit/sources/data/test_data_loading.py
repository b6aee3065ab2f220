"""The way from a name to a data set."""

import numpy as np
import pytest

from assay.errors import DataError, ShapeError, UnknownNameError, UsageError
from assay.sources.data import from_arrays, load_data, take
from assay.spec import DataRef
from assay.testing.data import fake_dataset


def test_digits_are_images_with_ten_classes():
    """`sklearn:digits` gives 1,797 small PIL images, resolved to a revision and a task."""
    digits = load_data("sklearn:digits")

    assert len(digits) == 1797
    assert digits.task.classes == tuple("0123456789")
    assert digits.ref.task == "multiclass"
    assert len(digits.ref.revision) == 64
    assert digits.load(np.array([3]))[0].size == (8, 8)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("iris", "multiclass"), ("wine", "multiclass"), ("breast_cancer", "binary"), ("diabetes", "regression")],
)
def test_the_other_scikit_learn_sets_are_rows_of_numbers(name, kind):
    """Tabular sets load as rows of finite numbers with their task."""
    data = load_data(f"sklearn:{name}")

    assert data.modality == "table"
    assert data.task.kind == kind
    assert np.isfinite(data.load(np.arange(5))).all()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("skleran:digits", "'sklearn'"), ("sklearn:digit", "'digits'"), ("sklearn:digits?bad=skip", "option 'bad'")],
)
def test_unknown_names_are_refused_with_the_nearest(name, wanted):
    """A misspelt source, data set or option is answered with what is there."""
    with pytest.raises(UnknownNameError, match=wanted):
        load_data(name)


def test_a_name_without_a_source_is_refused():
    """A bare word is no data name, and the message shows how one is written."""
    with pytest.raises(UsageError, match="source:name"):
        load_data("digits")


def test_a_revision_that_no_longer_fits_is_refused():
    """A reference with another revision is an error: the data have changed since."""
    digits = load_data("sklearn:digits")
    assert load_data(digits.ref).ref == digits.ref

    with pytest.raises(DataError, match="have changed since"):
        load_data(DataRef(source="sklearn", name="digits", revision="0" * 64))


def test_the_revision_follows_contents_and_targets():
    """The same rows give the same revision; a changed item, label or split gives another."""
    plain = from_arrays(["a", "b", "c"], [0, 1, 0], name="x")

    assert from_arrays(["a", "b", "c"], [0, 1, 0], name="y").ref.revision == plain.ref.revision
    assert from_arrays(["a", "b", "d"], [0, 1, 0], name="x").ref.revision != plain.ref.revision
    assert from_arrays(["a", "b", "c"], [0, 1, 1], name="x").ref.revision != plain.ref.revision
    splits = ["train", "train", "test"]
    assert from_arrays(["a", "b", "c"], [0, 1, 0], name="x", splits=splits).ref.revision != plain.ref.revision


@pytest.mark.parametrize("modality", ["image", "text", "audio", "table"])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "regression"])
def test_the_fake_has_every_modality_and_task(modality, kind):
    """The shipped fake is the same for the same arguments, whatever its modality and task."""
    data = fake_dataset(30, modality=modality, kind=kind, splits=True, groups=4, times=True)
    again = fake_dataset(30, modality=modality, kind=kind, splits=True, groups=4, times=True)

    assert data.ref == again.ref
    assert data.modality == modality
    assert data.task.kind == kind
    assert len(data.load(np.array([0, 29, 3]))) == 3
    assert set(data.splits.tolist()) == {"train", "valid", "test"}


def test_taking_rows_keeps_everything_in_step():
    """`take` gives the rows in the order asked for, with items, ids and columns together."""
    data = fake_dataset(20, modality="text", splits=True, groups=3, times=True)
    part = take(data, [7, 2, 11])

    assert part.ids.tolist() == data.ids[[7, 2, 11]].tolist()
    assert part.load(np.array([2, 0])) == data.load(np.array([11, 7]))
    assert part.groups.tolist() == data.groups[[7, 2, 11]].tolist()
    assert part.ref.revision != data.ref.revision
    assert part.task == data.task


@pytest.mark.parametrize(
    ("items", "targets", "error", "wanted"),
    [
        (["only one"], [1], DataError, "1 item; at least two"),
        (["a", "b", "c"], [1, 1, 1], DataError, "all 3 items are of class '1'"),
        (["a", " ", ""], [0, 1, 0], DataError, "no text in rows 2, 3"),
        (["a", "b", "c"], ["x", None, float("nan")], DataError, "no label in rows 2, 3"),
        (["a", "b", "c"], [0.5, float("nan"), 1.2], DataError, "no number in row 2"),
        (["a", "b"], [0, 1, 0], ShapeError, "targets has 3 rows"),
        ([[1.0, 2.0], [np.nan, 1.0]], [0, 1], DataError, "row 2, column 1 is not finite"),
        ([], [], DataError, "no items"),
    ],
)
def test_unusable_arrays_are_refused_with_their_rows(items, targets, error, wanted):
    """Each fault of items and targets in memory has a message that says where it is."""
    with pytest.raises(error, match=wanted):
        from_arrays(items, targets, name="faulty")


def test_repeated_ids_are_refused():
    """Two items of one id are named with both rows."""
    with pytest.raises(DataError, match="id 'a' stands in rows 1 and 3"):
        from_arrays(["x", "y", "z"], [0, 1, 0], name="faulty", ids=["a", "b", "a"])


def test_arrays_of_pixels_are_images(rng):
    """One array of grey images, and a list of colour images of several sizes, become PIL images."""
    grey = from_arrays(rng.integers(0, 255, (4, 9, 7)).astype(np.uint8), [0, 1, 0, 1], name="grey")
    sizes = [(9, 7, 3), (5, 5, 1), (8, 4), (6, 6, 4)]
    mixed = from_arrays([rng.integers(0, 255, size).astype(np.uint8) for size in sizes], [0, 1, 0, 1], name="mixed")

    assert [image.size for image in grey.load(np.array([2]))] == [(7, 9)]
    assert [image.mode for image in mixed.load(np.arange(4))] == ["RGB", "L", "L", "RGBA"]
    with pytest.raises(ShapeError, match=r"row 2 is \(5,\)"):
        from_arrays([np.zeros((3, 3), np.uint8), np.zeros(5, np.uint8)], [0, 1], name="bad")


def test_class_names_keep_their_characters_and_order():
    """Names with slashes, dots, Unicode and HTML come through as they are; whole numbers sort as numbers."""
    names = ["<b>bold</b>", "../up", "日本", "a.b/c"]
    data = from_arrays(["t"] * 8, names * 2, name="<script>alert(1)</script>")

    assert set(data.task.classes) == set(names)
    assert from_arrays(["t"] * 6, [10, 9, 2, 10, 9, 2], name="n").task.classes == ("2", "9", "10")
