"""The rows that models are judged on: the same for all, stratified, none of the test, none twice."""

from __future__ import annotations

import dataclasses

import numpy as np

from assay.run.sample import draw_sample
from assay.sources.data import load_data

DIGITS = load_data("sklearn:digits")


def test_the_sample_is_the_same_for_all_and_stratified():
    """Every beginning of the sample holds each class in proportion; the same seed gives the same rows."""
    one, two = draw_sample(DIGITS, rng_seed=0), draw_sample(DIGITS, rng_seed=0)
    counts = np.bincount(DIGITS.targets[one.order[:100]], minlength=10)

    assert (one.order == two.order).all()
    assert counts.max() - counts.min() <= 2


def test_test_rows_and_repeated_rows_stay_out():
    """With published splits only training rows are used, and a repeated content counts once."""
    n = len(DIGITS)
    splits = np.where(np.arange(n) % 2 == 0, "train", "test")
    digests = DIGITS.digests.copy()
    digests[2] = digests[0]
    sample = draw_sample(dataclasses.replace(DIGITS, splits=splits, digests=digests), rng_seed=0)

    assert (sample.order % 2 == 0).all()
    assert len(sample.order) == (n + 1) // 2 - 1
    assert any("repeat" in note for note in sample.notes)
