"""Variants of one model: the choice among them does not score itself."""

import numpy as np
import pytest

from assay.assess.selection import Candidate, Run
from assay.assess.selection.nesting import choose_variants
from assay.errors import UsageError
from assay.outcome import Predictions

N = 200
IDS, TARGET = np.array([f"i{i:03d}" for i in range(N)]), np.arange(N) % 2


def variant(name, hits, ids=IDS):
    label = np.where(hits, TARGET, 1 - TARGET)
    return Candidate(model=name, runs=[Run(predictions=Predictions(ids=ids, target=TARGET, label=label))])


def accuracy(candidate):
    rows = candidate.runs[0].predictions
    return float((rows.label == rows.target).mean())


def test_the_luckiest_of_many_equal_variants_is_not_flattered():
    """Twenty coin tossers: the best one looks good on its own rows, the nested choice stays at a half."""
    flattered, nested = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        family = [variant(f"m?layer={k}", rng.random(N) < 0.5) for k in range(20)]
        flattered.append(max(accuracy(v) for v in family))
        nested.append(accuracy(choose_variants(family, metric="accuracy")[0]))

    assert np.mean(flattered) > 0.55
    assert np.mean(nested) == pytest.approx(0.5, abs=0.02)


def test_a_variant_that_is_really_better_is_chosen():
    """A clearly better layer is found, and carries its name; other models pass through."""
    rng = np.random.default_rng(0)
    family = [variant("m?layer=1", rng.random(N) < 0.6), variant("m?layer=2", rng.random(N) < 0.9)]
    found = choose_variants([*family, variant("other", rng.random(N) < 0.7)], metric="accuracy")

    assert [c.model for c in found] == ["m?layer=2", "other"]
    assert accuracy(found[0]) == accuracy(family[1])
    assert "chosen on other rows" in found[0].recipe


def test_variants_on_other_rows_are_refused():
    """Variants that were scored on different rows can't be chosen from."""
    with pytest.raises(UsageError, match="same rows"):
        choose_variants([variant("m?layer=1", TARGET == 1), variant("m?layer=2", TARGET == 1, np.char.add(IDS, "x"))],
                        metric="accuracy")  # fmt: skip
