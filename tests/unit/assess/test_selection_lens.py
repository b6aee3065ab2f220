"""The selection lens on made-up predictions: what it concludes, what it refuses, what it writes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from assay.assess.selection import Background, Candidate, Run, selection
from assay.assess.selection.reading import Columns, read_results
from assay.errors import DataError, NothingToAssessError, UnknownNameError, UsageError
from assay.outcome import Cost, Predictions

N, C = 300, 3
IDS = np.array([f"item{i:03d}" for i in range(N)])
TARGET = np.arange(N) % C


def said(right, seed=0):
    """Labels with exactly `right` of the items right, the errors anywhere."""
    wrong = np.random.default_rng(seed).permutation(N)[right:]
    label = TARGET.copy()
    label[wrong] = (label[wrong] + 1) % C
    return label


def candidate(
    name, right, *, seed=0, draws=1, regime="frozen", seconds=None, parameters=None, twin_of="", battery=None
):
    runs = [
        Run(predictions=Predictions(ids=IDS, target=TARGET, label=said(right, seed + 100 * d)), draw=d)
        for d in range(draws)
    ]
    return Candidate(model=name, runs=runs, regime=regime, cost=Cost(seconds=seconds), parameters=parameters,
                     twin_of=twin_of, battery=battery or {})  # fmt: skip


def assess(candidates, **keys):
    return selection(candidates, metric=keys.pop("metric", "accuracy"), rng=np.random.default_rng(0), **keys)


def test_a_clear_winner_is_named_without_hedging():
    """When one model beats each other one beyond doubt, the verdict says to build on it."""
    found = assess([candidate("a", 290), candidate("b", 200, seed=1), candidate("c", 150, seed=2)])
    rows = found.tables["ranking"]

    assert found.verdict.startswith("Build on a: accuracy 96.67 [")
    assert [row["model"] for row in rows] == ["a", "b", "c"]
    assert [(row["rank_low"], row["rank_high"], row["group"]) for row in rows] == [(1, 1, 1), (2, 2, 2), (3, 3, 3)]
    assert rows[0]["p_best"] > 0.99
    assert found.estimate("expected_regret").value < 0.05


def test_ties_are_admitted_with_what_would_break_them():
    """Two models one item apart are one group, and the rows that would tell them apart are estimated."""
    found = assess([candidate("a", 280, seconds=100.0), candidate("b", 279, seed=1, seconds=10.0), candidate("c", 100)])
    rows = found.tables["ranking"]
    needed = found.estimate("rows_to_separate")

    assert "a and b can't be told apart on these 300 test items" in found.verdict
    assert "b takes 10 % of its seconds" in found.verdict
    assert [row["group"] for row in rows] == [1, 1, 2]
    assert needed.value > 300
    assert needed.high is None
    assert 0.3 < rows[0]["p_best"] < 0.8


def test_a_bound_of_regret_is_another_number_than_the_regret_expected():
    """Of models that are tied the verdict gives expected regret, bound and level; the bound is the larger one."""
    found = assess([candidate("a", 280), candidate("b", 276, seed=1), candidate("c", 270, seed=2)], level=0.9)
    regret = found.tables["ranking"][0]["regret"]
    pair = found.tables["pairs"][1]

    assert (
        f"is expected to cost {regret.value:.3f} points against the best, and with 90 % confidence costs at most "
        f"{regret.high:.2f}" in found.verdict
    )
    assert regret.high > 2 * regret.value > 0
    assert regret.high >= -pair["difference"].low
    assert "accuracy 93.33 [" in found.verdict


def test_a_tied_candidate_may_always_cost_something():
    """Whoever nobody was told apart from has a bound above zero; whoever was beaten is bounded away from zero."""
    found = assess([candidate(name, right, seed=at) for at, (name, right) in enumerate(
        (("a", 285), ("b", 275), ("c", 268), ("d", 262), ("e", 200)))])  # fmt: skip
    apart = {(row["better"], row["other"]): row["told_apart"] for row in found.tables["pairs"]}

    for row in found.tables["ranking"]:
        alone = all(apart.get((row["model"], other["model"]), other is row) for other in found.tables["ranking"])
        assert (row["regret"].high > 0) or alone
        assert (row["regret"].low > 0) == apart.get(("a", row["model"]), False)
        assert row["regret"].low <= row["regret"].value <= row["regret"].high


def test_a_tie_against_the_interval_of_the_pair_names_the_adjusted_p():
    """Where a pair's own interval leaves out zero, the claim says why the two are called tied, and so does a gain."""
    models = [candidate(f"m{at}", right, seed=at, parameters=at)
              for at, right in enumerate([270, 252, 252, 252, 252, 252, 252, 253])]  # fmt: skip
    found = assess(models)
    pair = found.tables["pairs"][0]
    claims = [finding.claim for finding in found.findings]
    over = next(row for row in found.tables["baselines"] if row["baseline"] == "the largest model")

    assert pair["difference"].low > 0
    assert not pair["told_apart"]
    assert pair["rows_to_separate"].value > N
    named = f"with all 28 pairs counted p is {pair['p_adjusted']:.3f}"
    assert any(claim.startswith("m0 and m7 can't be told apart") and named in claim for claim in claims)
    assert any("m7, which the largest model would have chosen" in claim and named in claim for claim in claims)
    assert over["beaten"] is False
    assert "not shown to beat the largest model" not in found.verdict


def test_models_without_any_error_are_not_equal_for_certain():
    """Two models with no error on the test items still leave room for a difference of about one item."""
    found = assess([candidate("a", N), candidate("b", N)])
    pair = found.tables["pairs"][0]["difference"]

    assert pair.value == 0
    assert pair.width > 100 / N
    assert found.tables["ranking"][0]["regret"].high > 0


def test_the_published_columns_are_there():
    """The JSON holds the published columns, and no NaN."""
    found = assess(
        [candidate("a", 280, battery={"logme": 1.5, "leep": "no source head"}), candidate("b", 250, seed=1)],
        background=Background(failures={"c": "OutOfMemoryError: too large"}),
    )  # fmt: skip
    document = json.loads(found.to_json())
    row = document["tables"]["ranking"][0]

    assert document["schema"] == "assay/selection/1"
    assert {"model", "rank", "score", "rank_low", "rank_high", "group", "p_best", "regret", "cost", "battery"} <= set(
        row
    )
    assert row["battery"] == {"logme": 1.5, "leep": "no source head"}
    assert {e["name"] for e in document["estimates"]} >= {"expected_regret", "cost_fraction"}
    assert document["tables"]["unranked"] == [{"model": "c", "reason": "OutOfMemoryError: too large"}]
    assert any("Not ranked: c" in caveat for caveat in document["caveats"])


def test_gains_over_what_is_free():
    """Baselines, the untrained twin, the largest model and a published prior each get their gain."""
    background = Background(
        baselines=[candidate("majority", 100, seed=5), candidate("a, untrained", 120, seed=6, twin_of="a")],
        priors={"published score": {"a": 70.0, "b": 80.0}},
    )
    found = assess(
        [candidate("a", 270, parameters=10), candidate("b", 240, seed=1, parameters=20)], background=background
    )
    gains = {row["baseline"]: row["gain"].value for row in found.tables["baselines"]}

    assert gains == pytest.approx(
        {"majority": 170 / 3, "the largest model": 10.0, "published score": 10.0, "its untrained twin": 50.0}
    )
    assert found.estimate("gain_over_majority").low > 40


def test_a_leader_that_beats_nothing_free_is_labelled():
    """A leader that is not shown to beat raw features is called out in the verdict."""
    background = Background(baselines=[candidate("raw features", 271, seed=9)])
    found = assess([candidate("a", 272), candidate("b", 100, seed=1)], background=background)

    assert "not shown to beat raw features" in found.verdict


def test_frozen_and_fine_tuned_stand_in_separate_columns():
    """A model run both ways has one row, two columns, and the two orders are compared."""
    frozen = [candidate(name, right, seed=at) for at, (name, right) in enumerate((("a", 200), ("b", 210), ("c", 190)))]
    tuned = [candidate(name, right, seed=at, regime="finetuned")
             for at, (name, right) in enumerate((("a", 280), ("b", 260), ("c", 285)))]  # fmt: skip
    found = assess([*frozen, *tuned])
    row = found.tables["ranking"][0]
    plain = assess([*frozen, *tuned], regime="frozen")

    assert found.inputs["regime"] == "finetuned"
    assert row["model"] == "c"
    assert row["finetuned"].value == pytest.approx(285 / 300)
    assert row["frozen"].value == pytest.approx(190 / 300)
    assert plain.tables["ranking"][0]["model"] == "b"
    assert any("Kendall's tau" in finding.claim for finding in found.findings)


def test_repeated_training_widens_the_intervals():
    """Several draws that disagree give wider intervals than the items alone."""
    steady = assess([candidate("a", 270, draws=4), candidate("b", 260, seed=1, draws=4)])
    rights = (290, 250, 285, 255)
    shaky = []
    for name, less, order in (("a", 0, rights), ("b", 10, rights[::-1])):
        said_of = [Predictions(ids=IDS, target=TARGET, label=said(r - less, 7 * d)) for d, r in enumerate(order)]
        shaky.append(Candidate(model=name, runs=[Run(predictions=p, draw=d) for d, p in enumerate(said_of)]))
    found = assess(shaky)

    assert found.tables["pairs"][0]["difference"].width > steady.tables["pairs"][0]["difference"].width
    assert found.inputs["repeats"] == 4
    assert "other draws" in found.tables["ranking"][0]["score"].population


def test_one_model_has_nothing_to_be_chosen_from():
    """A single candidate is scored; regret and the chance of being best have no meaning and say so."""
    found = assess([candidate("a", 270)])

    assert "nothing to choose between" in found.verdict
    assert found.estimate("expected_regret").value is None
    assert found.tables["ranking"][0]["p_best"] is None


def test_a_candidate_that_cannot_be_scored_does_not_stop_the_others():
    """Twenty models of which one has labels only, under a metric of scores: nineteen are ranked."""
    rng = np.random.default_rng(0)
    models = [
        Candidate(model=f"m{i}", runs=[Run(predictions=Predictions(
            ids=IDS, target=TARGET, score=np.eye(C)[TARGET] * 0.5 + rng.dirichlet(np.ones(C), size=N) * 0.5))])
        for i in range(19)
    ]  # fmt: skip
    found = assess([*models, candidate("labels only", 290)], metric="log_loss")

    assert len(found.tables["ranking"]) == 19
    assert "needs scores" in found.tables["unranked"][0]["reason"]


def test_the_order_of_candidates_changes_nothing_but_chance():
    """Candidates in another order give the same ranking, groups and point values."""
    models = [candidate(name, right, seed=at) for at, (name, right) in enumerate((("a", 280), ("b", 275), ("c", 200)))]
    one, two = assess(models), assess(models[::-1])

    for left, right in zip(one.tables["ranking"], two.tables["ranking"], strict=True):
        assert (left["model"], left["group"], left["score"].value) == (
            right["model"],
            right["group"],
            right["score"].value,
        )


def test_lower_is_better_where_the_metric_says_so():
    """With mean absolute error the smallest leads, and a gain is still positive."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(N)
    models = [
        Candidate(model=name, runs=[Run(predictions=Predictions(
            ids=IDS, target=truth, label=truth + size * rng.standard_normal(N)))])
        for name, size in (("rough", 1.0), ("fine", 0.1))
    ]  # fmt: skip
    found = assess(models, metric="mae")

    assert found.tables["ranking"][0]["model"] == "fine"
    assert found.tables["pairs"][0]["difference"].value > 0
    assert found.tables["per_class"] == []


def test_grouped_items_widen_the_intervals():
    """Items of one group count as one piece of evidence."""
    label = TARGET.copy()
    label[: N // 5] = (label[: N // 5] + 1) % C
    model = Candidate(model="a", runs=[Run(predictions=Predictions(ids=IDS, target=TARGET, label=label))])
    groups = {item: f"g{at // 15}" for at, item in enumerate(IDS)}
    plain, grouped = assess([model, candidate("b", 200)]), assess([model, candidate("b", 200)], groups=groups)

    assert grouped.tables["pairs"][0]["difference"].width > 1.5 * plain.tables["pairs"][0]["difference"].width


def other(draw=0, **changed):
    columns = {"ids": IDS, "target": TARGET, "label": TARGET, **changed}
    return Candidate(model="a", runs=[Run(predictions=Predictions(**columns), draw=draw)])


@pytest.mark.parametrize(
    ("candidates", "error", "words"),
    [
        ([], NothingToAssessError, "give at least one"),
        ([candidate("b", 200), candidate("b", 210)], UsageError, "given twice"),
        ([other(draw=1), candidate("b", 200)], UsageError, "same draws"),
        ([other(target=(TARGET + 1) % C), candidate("b", 200)], DataError, "item000.*target"),
        ([other(ids=np.char.add(IDS, "x")), candidate("b", 200)], NothingToAssessError, "no test item in common"),
        ([other(ids=np.array(["same"] * N))], DataError, "occurs twice"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(candidates, error, words):
    """Nothing to rank, a name given twice, other draws, other targets, no common items: each a clear error."""
    with pytest.raises(error, match=words):
        assess(candidates)


def test_an_unknown_metric_is_refused_with_the_nearest_name():
    """A misspelt metric names the right one."""
    with pytest.raises(UnknownNameError, match="'accuracy'"):
        assess([candidate("a", 200)], metric="acuracy")


def frame(**columns):
    names = np.array(["dog", "cat"])
    parts = []
    for model in ("a", "b"):
        wrong = (np.arange(N) < 5) & (model == "b")
        parts.append(
            {
                "who": model,
                "what": IDS,
                "truth": names[np.arange(N) % 2],
                "p": np.where(np.arange(N) % 2, 0.9, 0.2),
                "answer": names[(np.arange(N) + wrong) % 2],
            }
        )
    return pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True).assign(**columns)


def test_a_table_of_anyones_results_is_read():
    """Names of classes become codes, and the lens ranks what the table holds."""
    reading = read_results(frame(), Columns(model="who", item="what", target="truth", prediction="answer"))
    found = assess(reading.candidates, background=Background(classes=reading.classes))

    assert reading.classes == ("cat", "dog")
    assert [row["model"] for row in found.tables["ranking"]] == ["a", "b"]
    assert found.tables["per_class"][0]["class"] == "cat"


def test_one_column_of_scores_serves_two_classes():
    """A single column of scores is the probability of the last class in order."""
    reading = read_results(frame(p=0.3), Columns(model="who", item="what", target="truth", score=["p"]))

    assert reading.metric == "log_loss"
    assert reading.candidates[0].runs[0].predictions.score[0] == pytest.approx([0.7, 0.3])


@pytest.mark.parametrize(
    ("table", "columns", "error", "words"),
    [
        (frame(), {"prediction": "anser"}, UnknownNameError, "'answer'"),
        (frame(), {}, UsageError, "--prediction"),
        (frame(answer=[None] + ["cat"] * (2 * N - 1)), {"prediction": "answer"}, DataError, "record 1: answer"),
        (frame(third=0.1), {"score": ["p", "third"]}, UsageError, "called after the class"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_refused_in_words(table, columns, error, words):
    """A missing column, no answers at all, an empty cell, scores without names: each a clear error."""
    with pytest.raises(error, match=words):
        read_results(table, Columns(model="who", item="what", target="truth", **columns))
