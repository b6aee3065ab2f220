"""Corrupted data: the same items and targets in a worse form, in the same way each time."""

import numpy as np
import pytest

from assay.errors import UnknownNameError, UsageError
from assay.sources.data.corruptions import STRENGTHS, corrupted
from assay.testing.data import fake_dataset


@pytest.mark.parametrize(("modality", "kind"), [(m, k) for m, kinds in STRENGTHS.items() for k in kinds])
def test_items_change_and_all_else_stays(modality, kind):
    """Ids and targets stay, digests and revision change, and a strong corruption moves items further than a mild one."""
    data, rows = fake_dataset(n=12, modality=modality), np.arange(12)
    mild, strong = (corrupted(data, kind, strength) for strength in ("mild", "strong"))

    def distance(other):
        a, b = data.load(rows), other.load(rows)
        if modality == "text":
            return np.mean([sum(x != y for x, y in zip(s, t, strict=False)) + abs(len(s) - len(t))
                            for s, t in zip(a, b, strict=True)])  # fmt: skip
        return np.mean([np.abs(np.asarray(s, float) - np.asarray(t, float)).mean() for s, t in zip(a, b, strict=True)])

    assert mild.ids.tolist() == data.ids.tolist()
    assert np.array_equal(mild.targets, data.targets)
    assert not set(mild.digests) & set(data.digests)
    assert mild.ref.revision != strong.ref.revision != data.ref.revision
    assert distance(strong) > distance(mild) > 0


@pytest.mark.parametrize(("modality", "kind"), [("text", "typing errors"), ("image", "noise")])
def test_an_item_is_corrupted_alike_whatever_is_loaded_beside_it(modality, kind):
    """Loading one item alone or among others gives the same corrupted item."""
    worse = corrupted(fake_dataset(n=12, modality=modality), kind, "strong")
    alone, among = worse.load(np.array([5]))[0], worse.load(np.arange(12))[5]

    assert np.array_equal(np.asarray(alone), np.asarray(among))


def test_what_cannot_be_corrupted_is_refused_in_words():
    """Tables have no corruptions; an unknown kind or strength is named."""
    with pytest.raises(UsageError, match="only images and texts"):
        corrupted(fake_dataset(modality="table"), "noise", "mild")
    with pytest.raises(UnknownNameError, match="fog"):
        corrupted(fake_dataset(), "fog", "mild")
    with pytest.raises(UnknownNameError, match="weak"):
        corrupted(fake_dataset(), "noise", "weak")
