"""The calibrated combination: learned on past data sets, checked on each left out, refused where it can't be checked."""

import numpy as np
import pandas as pd
import pytest

from assay.assess.selection.combination import Past, combine, finding_of
from assay.errors import DataError, NothingToAssessError, UnknownNameError

MODELS = [f"m{i}" for i in range(20)]


def history(datasets=12, seed=0, measured_noise=0.02):
    """Tuned scores that follow a model's quality and what its features say of the data set; the latter is measured."""
    rng = np.random.default_rng(seed)
    quality = 0.06 * rng.standard_normal(len(MODELS))
    rows = []
    for d in range(datasets):
        fit = 0.08 * rng.standard_normal(len(MODELS))
        tuned = np.clip(0.7 + 0.03 * rng.standard_normal() + quality + fit + 0.02 * rng.standard_normal(20), 0, 1)
        probe = tuned - 0.1 + measured_noise * rng.standard_normal(20)
        rows += [{"model": m, "dataset": f"d{d}", "accuracy": t, "ridge_loo": p}
                 for m, t, p in zip(MODELS, tuned, probe, strict=True)]  # fmt: skip
    return pd.DataFrame(rows)


def combined(frame, new, **keys):
    past = Past.read(frame, without=new)
    now = frame[frame["dataset"] == new]
    measured = {m: {"ridge_loo": s, "logme": 1.0} for m, s in zip(now["model"], now["ridge_loo"], strict=True)}
    found = combine(past, measured, bounds=(0.0, 1.0), level=0.9, rng=np.random.default_rng(0), **keys)
    return found, dict(zip(now["model"], now["accuracy"], strict=True))


def test_intervals_hold_the_scores_of_a_new_data_set():
    """Over four histories, 90 % intervals hold about nine new scores in ten, and the stated coverage is near that."""
    inside, stated = [], []
    for seed in range(4):
        found, truth = combined(history(seed=seed), "d3")
        inside += [found.predicted[m].low <= t <= found.predicted[m].high for m, t in truth.items()]
        stated.append(found.estimates[0].value)

    assert 0.8 <= np.mean(inside) <= 1.0
    assert abs(np.mean(stated) - 0.9) < 0.07


def test_what_is_measured_beats_the_static_rank():
    """Where each data set favours its own models, the measured score finds them and the static rank does not."""
    found, truth = combined(history(), "d0")
    best = max(found.predicted, key=lambda m: found.predicted[m].value)

    assert found.columns == ("ridge_loo",)
    assert max(truth.values()) - truth[best] < 0.08
    assert found.estimates[2].name == "combination_saved_against_static"
    assert found.estimates[2].low > 0
    assert finding_of(found).verdict == "yes"
    assert len(found.check) == 11


def test_the_data_set_at_hand_is_not_its_own_past():
    """What is known of the data set that is judged is left out, whatever it says."""
    frame = history()
    wild = frame.copy()
    wild.loc[wild["dataset"] == "d0", "accuracy"] = 0.0

    assert "d0" not in Past.read(frame, without="d0").datasets
    assert combined(frame, "d0")[0].predicted == combined(wild, "d0")[0].predicted


def test_a_model_without_a_past_is_predicted_and_named():
    """A new model is placed by what was measured now, with its name among the unseen."""
    past = Past.read(history())
    found = combine(past, {"new": {"ridge_loo": 0.9}, "m0": {"ridge_loo": 0.5}}, bounds=(0, 1), level=0.9,
                    rng=np.random.default_rng(0))  # fmt: skip

    assert found.unseen == ("new",)
    assert found.predicted["new"].value > found.predicted["m0"].value


def test_what_cannot_be_learned_from_is_refused_in_words():
    """Three data sets can't be checked by leaving one out; a missing column and a word for a number are named."""
    with pytest.raises(NothingToAssessError, match="4 are needed"):
        combine(Past.read(history(datasets=3)), {"m0": {}}, bounds=(0, 1), level=0.9, rng=np.random.default_rng(0))
    with pytest.raises(UnknownNameError, match="accuracy"):
        Past.read(history().drop(columns="accuracy"))
    with pytest.raises(DataError, match="no number"):
        Past.read(history().assign(accuracy="good"))
