"""validate-scores: scores held against accuracy, chance and the static rank."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import weightedtau

from assay.assess.selection.validation import ScoreColumns, static_ranks, top_regret, validate_scores
from assay.errors import DataError, NothingToAssessError, UnknownNameError, UsageError


def table(tasks=6, models=8, noise=0.01, seed=0):
    """Models with a quality of their own on each task, and a score that sees the task."""
    rng = np.random.default_rng(seed)
    rows = []
    for task, model in itertools.product(range(tasks), range(models)):
        accuracy = 0.6 + 0.3 * rng.random()
        rows.append({"model": f"m{model}", "dataset": f"d{task}", "accuracy": accuracy,
                     "score": accuracy + noise * rng.standard_normal(), "blind": rng.random()})  # fmt: skip
    return pd.DataFrame(rows)


def test_a_good_score_beats_chance_and_the_static_rank():
    """Where models trade places from task to task, a score that sees the task wins, and the verdict says so."""
    found = validate_scores(table(), rng=np.random.default_rng(0))

    assert "better than chance" in found.verdict
    assert "beats the static rank" in found.verdict
    assert found.estimate("tau").low > 0.7
    assert found.estimate("saved_against_random_1").low > 0


def test_a_blind_score_is_labelled_so():
    """A score of random numbers is not shown to be better than chance."""
    found = validate_scores(table(), ScoreColumns(scores=["blind"]), rng=np.random.default_rng(0))

    assert "not shown to be better than chance" in found.verdict


def test_where_models_keep_their_place_the_static_rank_wins():
    """When one order holds everywhere, a noisy score loses to the mean rank on the other data sets."""
    rng = np.random.default_rng(1)
    frame = table(tasks=10)
    quality = frame["model"].str[1:].astype(float) / 10
    frame["accuracy"] = quality + 0.001 * rng.standard_normal(len(frame))
    frame["score"] = quality + 0.4 * rng.standard_normal(len(frame))
    found = validate_scores(frame, rng=rng)

    assert "the static rank, which needs no target data, is better" in found.verdict
    assert found.findings[0].verdict == "no"


def test_weighted_kendall_is_scipys():
    """The value on each data set is SciPy's weighted Kendall."""
    frame = table()
    found = validate_scores(frame, rng=np.random.default_rng(0))
    first = frame[frame.dataset == "d0"].sort_values("model")

    assert found.tables["datasets"][0]["tau"].value == pytest.approx(
        weightedtau(first["accuracy"].to_numpy(), first["score"].to_numpy()).statistic
    )


def test_regret_of_the_top_models_counts_ties_by_their_mean():
    """With all scores equal, top-k regret is that of k models drawn at random, by enumeration."""
    accuracy = np.array([0.5, 0.9, 0.7, 0.6, 0.8])
    for k in (1, 2, 3):
        wanted = np.mean([0.9 - max(pick) for pick in itertools.combinations(accuracy, k)])
        assert top_regret(accuracy, np.zeros(5), k) == pytest.approx(wanted)
    assert top_regret(accuracy, np.array([3.0, 1, 2, 1, 1]), 3) == pytest.approx(0.9 - (0.9 + 0.7 + 0.8) / 3)
    assert top_regret(accuracy, accuracy, 1) == 0


def test_the_static_rank_does_not_see_the_data_set_it_is_for():
    """Changing the accuracies of a data set leaves its own static rank as it was."""
    wide = np.random.default_rng(0).random((5, 3))
    changed = wide.copy()
    changed[:, 0] = wide[::-1, 0]

    assert (static_ranks(wide, 0) == static_ranks(changed, 0)).all()
    assert (static_ranks(wide, 1) != static_ranks(changed, 1)).any()


@pytest.mark.parametrize(
    ("frame", "columns", "error", "words"),
    [
        (table(), ScoreColumns(accuracy="acc"), UnknownNameError, "'accuracy'"),
        (table(models=3), None, NothingToAssessError, "4 models"),
        (table().assign(score="high"), None, DataError, "record 1: score is 'high'"),
    ],
)
def test_a_table_that_cannot_be_judged_is_refused_in_words(frame, columns, error, words):
    """A missing column, too few models, words for numbers: each a clear error."""
    with pytest.raises(error, match=words):
        validate_scores(frame, columns, rng=np.random.default_rng(0))


def test_a_score_of_ones_own_is_a_function_of_the_rows_of_a_data_set():
    """A function is judged like a column under its own name; one that fails or gives too few numbers is named."""
    frame, none = table(), ScoreColumns(scores=())
    found = validate_scores(frame, none, functions={"mine": lambda rows: rows["score"]}, rng=np.random.default_rng(0))
    same = validate_scores(frame, rng=np.random.default_rng(0))

    assert found.estimate("tau").value == same.estimate("tau").value
    assert {row["score"] for row in found.tables["datasets"]} == {"mine"}
    for wrong in (lambda rows: [1.0], lambda rows: rows["nothing"]):
        with pytest.raises(UsageError, match="mine failed on the 8 rows of d0"):
            validate_scores(frame, none, functions={"mine": wrong}, rng=np.random.default_rng(0))


def test_one_data_set_has_no_static_rank():
    """A single data set is judged against chance, and it is said that there is no static rank."""
    found = validate_scores(table(tasks=1), rng=np.random.default_rng(0))

    assert "no static rank" in found.verdict
    assert found.estimate("tau_over_static").value is None


def test_a_constant_score_gives_no_ranking():
    """A score that is the same for all models has no correlation, and says why."""
    found = validate_scores(table().assign(score=1.0), rng=np.random.default_rng(0))

    assert found.tables["datasets"][0]["tau"].value is None
    assert "gives no ranking" in found.verdict
