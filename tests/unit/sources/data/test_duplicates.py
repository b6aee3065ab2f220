"""Duplicates: exact and near copies, across parts and in conflict."""

import io
import time

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from assay.errors import ShapeError
from assay.sources.data import Draws, find_duplicates, from_arrays
from assay.testing.data import fake_dataset


def _text(rng, length=60):
    return " ".join(f"word{number}" for number in rng.integers(5000, size=length))


def _photo(rng, size=(120, 90)):
    rough = gaussian_filter(rng.normal(size=size[::-1]), rng.uniform(3, 12))
    rough = (rough - rough.mean()) / rough.std()
    return Image.fromarray(np.clip(128 + 50 * rough, 0, 255).astype(np.uint8))


def test_exact_copies_across_splits_and_label_conflicts(rng):
    """Copies are counted within and across splits, and contents that carry two labels are counted once."""
    texts = [_text(rng) for _ in range(20)]
    items = [*texts, texts[0], texts[1], texts[1]]
    splits = ["train"] * 10 + ["test"] * 10 + ["test", "train", "test"]
    labels = [row % 2 for row in range(20)] + [0, 0, 1]
    found = find_duplicates(from_arrays(items, labels, name="copies", splits=splits))

    assert (found.n, found.exact, found.near) == (23, 3, 0)
    assert found.exact_across == {"train → test": 2}
    assert found.exact_conflicts == 1
    assert found.examples[0]["parts"] == "test and train"
    assert found.rows() == [{"between": "train → test", "kind": "exact", "items": 2}]


def test_near_texts_are_found_and_different_ones_are_not(rng):
    """Changed case, punctuation and a few words are near; a text half new is not."""
    texts = [_text(rng) for _ in range(300)]
    changed = []
    for text in texts[:100]:
        words = text.split()
        words[5] = "new"
        changed.append(" ".join(words).upper().replace(" ", ",  "))
    halves = [" ".join(text.split()[:30]) + " " + _text(rng, 30) for text in texts[100:200]]
    splits = ["train"] * 300 + ["test"] * 200
    data = from_arrays([*texts, *changed, *halves], [0, 1] * 250, name="near", splits=splits)
    found = find_duplicates(data)

    assert found.near_across == {"train → test": 100}
    assert found.near == 200
    assert found.exact == 0
    assert find_duplicates(data) == found


def test_short_texts_and_scripts_without_spaces():
    """Texts of one or two words are near only when all words agree; Chinese texts are compared by characters."""
    items = [
        "Yes!", "yes", "no", "good day", "good night", "!!!", "???",
        "这本书非常不错值得推荐给大家看", "这本书非常不错,值得推荐给大家看!", "这家酒店的房间太小不推荐入住",
    ]  # fmt: skip
    found = find_duplicates(from_arrays(items, [0, 1] * 5, name="short"))

    assert {(row["first"], row["second"]) for row in found.examples} == {("0", "1"), ("7", "8")}


def test_near_images_are_found_and_different_ones_are_not(rng):
    """Recompressed, brightened and noisy copies of images are near; different images are not."""
    photos = [_photo(rng) for _ in range(80)]

    def recompressed(image):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=60)
        return Image.open(io.BytesIO(buffer.getvalue()))

    pixels = [np.asarray(photo).astype(float) for photo in photos]
    copies = [recompressed(photo) for photo in photos[:10]]
    copies += [Image.fromarray(np.clip(p * 1.05 + 5, 0, 255).astype(np.uint8)) for p in pixels[10:20]]
    noisy = [p + rng.normal(0, 6, p.shape) for p in pixels[20:30]]
    copies += [Image.fromarray(np.clip(p, 0, 255).astype(np.uint8)) for p in noisy]
    data = from_arrays([*photos, *copies], [0, 1] * 55, name="photos", splits=["train"] * 80 + ["test"] * 30)
    found = find_duplicates(data)

    assert found.near_across == {"train → test": 30}
    assert found.near == 60


def test_two_nearly_equal_images_are_found_among_few(rng):
    """Of only three images the two that are nearly equal are found, though the mean image is made of them."""
    photo = _photo(rng)
    other = Image.fromarray(np.clip(np.asarray(photo).astype(int) + 1, 0, 255).astype(np.uint8))
    found = find_duplicates(from_arrays([photo, other, _photo(rng)], [0, 1, 0], name="few"))

    assert found.near == 2
    assert found.near_conflicts == 1


def test_a_draw_gives_the_parts():
    """With a draw in place of published splits, copies are counted across its parts; rows in none are left out."""
    data = fake_dataset(40, modality="table")
    split = Draws(valid_size=0.0, limit=20).split(data, 0)
    found = find_duplicates(data, parts=split)

    assert found.n == 20
    assert found.near is None
    assert "not looked for among items of kind table" in found.method
    with pytest.raises(ShapeError, match="parts has 3 rows"):
        find_duplicates(data, parts=np.array(["a", "b", "c"]))


def test_very_many_items_are_not_read_unasked(rng, monkeypatch):
    """Beyond the limit only exact copies are counted, and the method says how to look for near ones."""
    monkeypatch.setitem(find_duplicates.__globals__["_MOST"], "text", 5)
    data = from_arrays([_text(rng) for _ in range(6)], [0, 1] * 3, name="many")

    assert find_duplicates(data).near is None
    assert "near=True looks for them" in find_duplicates(data).method
    assert find_duplicates(data, near=True).near == 0
    assert find_duplicates(data, near=False).method == "near copies were not looked for"


def test_published_data_have_their_known_copies():
    """Reuters R8 has exact copies of training texts among its test texts; MNIST-5k has no copies at all."""
    from assay.demo.data import mnist5k, reuters_r8

    texts = find_duplicates(reuters_r8())
    assert texts.exact_across == {"train → test": 4}
    assert texts.exact == 79
    assert texts.near_across["train → test"] >= 5
    images = find_duplicates(mnist5k())
    assert (images.exact, images.near) == (0, 0)


def test_a_crowd_of_equal_texts_stays_fast(rng):
    """Thousands of near copies of one text take time in proportion to their number, not to its square."""
    base = _text(rng).split()
    texts = [" ".join([*base, f"tail{row}"]) for row in range(4000)]
    start = time.perf_counter()
    found = find_duplicates(from_arrays(texts, [0, 1] * 2000, name="crowd"))

    assert found.near == 4000
    assert time.perf_counter() - start < 20
