"""What the sustainability lens concludes, and what it refuses to conclude."""

import json

import numpy as np
import pandas as pd
import pytest

import assay
from assay.assess.sustainability import sustainability
from assay.estimate import Estimate


def _table(m=8, t=10, seed=0, gap=3.0, noise=1.0):
    """Models `gap` points apart on t tasks."""
    rng = np.random.default_rng(seed)
    scores = 80 - gap * np.arange(m)[:, None] + 6 * rng.normal(size=(1, t)) + noise * rng.normal(size=(m, t))
    frame = pd.DataFrame(np.clip(scores, 2, 99).round(3), columns=[f"task{j}" for j in range(t)])
    frame.insert(0, "model", [f"m{i}" for i in range(m)])
    return frame


def _long(frame):
    return frame.melt("model", var_name="task", value_name="score")


def _claims(found):
    return " ".join(finding.claim for finding in found.findings)


def test_a_clear_ranking_is_claimed():
    """Models far apart on ten tasks: one leader, single ranks, high reliability, valid JSON."""
    found = sustainability(_table())

    first = found.tables["ranking"][0]
    assert {"model", "mean", "rank", "rank_low", "rank_high", "group", "p_best"} <= set(first)
    assert (first["model"], first["rank"], first["rank_low"], first["rank_high"], first["group"]) == ("m0", 1, 1, 1, 1)
    assert first["p_best"] > 0.99
    assert "m0 is the best of 8 models for other such tasks" in found.verdict
    assert found.estimate("generalizability").low > 0.8
    assert found.estimate("neighbours_told_apart").value == 1.0
    document = json.loads(found.to_json())
    assert document["schema"] == "assay/sustainability/1"
    assert {"ranking", "reliability", "stability", "needed", "flags", "aggregates", "pairs"} <= set(document["tables"])
    assert document["inputs"]["models"] == 8


def test_ties_are_admitted():
    """Equal models: everyone may be the best, no neighbours are told apart, the chance to be best is shared."""
    found = sustainability(_table(gap=0.0, seed=3))

    assert all(row["rank_low"] == 1 for row in found.tables["ranking"])
    assert "8 of 8 models may be the best" in found.verdict
    assert max(row["p_best"] for row in found.tables["ranking"]) < 0.7
    assert sum(row["p_best"] for row in found.tables["ranking"]) == pytest.approx(1)


def test_the_same_answer_from_every_door():
    """`assay.sustainability`, long and wide tables and an explicit stream agree."""
    frame = _table()
    one, other = assay.sustainability(frame), sustainability(_long(frame), model="model", task="task", score="score")

    assert one.verdict == other.verdict
    assert [row["rank_high"] for row in one.tables["ranking"]] == [row["rank_high"] for row in other.tables["ranking"]]
    assert one.inputs["digest"] == other.inputs["digest"]
    seeded = sustainability(frame, rng=np.random.default_rng(5))
    assert seeded.tables["ranking"][0]["rank_low"] == 1


def test_without_anything_below_tasks_the_same_tasks_again_are_unknown():
    """No seeds, items or sizes: the second population gets a reason, never a number."""
    found = sustainability(_table())

    again = found.tables["ranking"][0]["mean_again"]
    assert again.value is None
    assert "no seeds, items or test sizes" in again.reason
    assert found.tables["ranking"][0]["mean"].population == "other such tasks"


def test_seeds_carry_the_same_tasks_again():
    """With seeds both populations have an interval, each with its name, and the second is the narrower one."""
    rng = np.random.default_rng(1)
    long = _long(_table())
    runs = pd.concat([long.assign(seed=s, score=long["score"] + 0.3 * rng.normal(size=len(long))) for s in range(5)])

    found = sustainability(runs.reset_index(drop=True), seed="seed")

    row = found.tables["ranking"][0]
    assert row["mean"].population == "other such tasks"
    assert row["mean_again"].population == "these tasks again, with other seeds"
    assert row["mean_again"].width < row["mean"].width / 3
    assert found.tables["pairs"][0]["superiority"].value > 0.9
    components = {c["component"]: c["variance"] for c in found.tables["components"] if c["scope"] == "all models"}
    assert components["seed"].value == pytest.approx(0.09, rel=0.3)
    assert components["model × task"].value == pytest.approx(1.0, rel=0.5)


def test_items_carry_the_claim_where_tasks_are_too_few():
    """Two tasks rank nobody; their items do, for these tasks again and with that label."""
    rng = np.random.default_rng(2)
    rows = [{"model": m, "task": t, "item": i, "score": float(rng.random() < p)}
            for m, p in (("good", 0.9), ("poor", 0.6)) for t in ("x", "y") for i in range(150)]  # fmt: skip

    found = sustainability(pd.DataFrame(rows), item="item")

    assert "good is the best of 2 models for these tasks again, with other items" in found.verdict
    assert found.tables["ranking"][0]["rank_high"] == 1
    without = sustainability(pd.DataFrame(rows).groupby(["model", "task"], as_index=False)["score"].mean())
    assert "No rank claim is made" in without.verdict
    assert without.tables["ranking"][0]["rank_high"] == 2


def test_test_sizes_carry_errors_of_accuracies_only():
    """A size gives an accuracy an error, and gives none to a loss or to another metric."""
    long = _long(_table()).assign(n=1000)

    assert sustainability(long, n="n").tables["ranking"][0]["mean_again"].value is not None
    losses = sustainability(long.assign(score=long["score"] * 7), n="n")
    assert losses.tables["ranking"][0]["mean_again"].value is None
    assert "fractions or percent" in " ".join(losses.caveats)
    other = sustainability(long.assign(metric="f1"), n="n")
    assert "not to f1" in " ".join(other.caveats)


def test_losses_are_ranked_the_other_way_round():
    """With every task lower is better the smallest mean leads, and means stay losses."""
    frame = _table()
    names = [name for name in frame.columns if name != "model"]
    found = sustainability(frame, lower=names)

    assert found.tables["ranking"][0]["model"] == "m7"
    assert found.tables["ranking"][0]["mean"].value == pytest.approx(frame[names].mean(axis=1).min())


@pytest.mark.parametrize("t", [1, 2, 5])
def test_too_few_tasks_make_no_claim(t):
    """Below six tasks nobody is ranked from tasks alone, and the reason names the number that would do."""
    found = sustainability(_table(t=t))

    assert "No rank claim is made" in found.verdict
    assert "6 can" in found.verdict
    assert all((row["rank_low"], row["rank_high"]) == (1, 8) for row in found.tables["ranking"])


def test_one_model_has_a_mean_and_no_rank():
    """Meta-evaluation of one model: Eᵢ and M with its interval, ranks unknown."""
    frame = _table(m=1)

    found = sustainability(frame, population="other such classes")

    row = found.tables["ranking"][0]
    assert row["mean"].value == pytest.approx(frame.drop(columns="model").to_numpy().mean())
    assert row["mean"].population == "other such classes"
    assert row["rank"] is None
    assert row["rank_low"] is None
    assert row["p_best"] is None
    assert "one model has no rank" in found.verdict
    spread = frame.drop(columns="model").to_numpy().std(ddof=1)
    need = found.tables["needed"][0]["needed"].value
    assert need == pytest.approx((1.96 * spread) ** 2, rel=0.1)
    assert found.tables.get("reliability") is None


def test_tables_in_pieces_are_not_ranked_across():
    """Models that share no task are not ranked against each other, nor given a chance to be the best."""
    frame = _table(m=4, t=12)
    frame.loc[:1, [f"task{j}" for j in range(6)]] = np.nan
    frame.loc[2:, [f"task{j}" for j in range(6, 12)]] = np.nan

    found = sustainability(frame)

    assert "pieces that share no task" in found.verdict
    assert all(row["rank"] is None and row["p_best"] is None for row in found.tables["ranking"])
    assert "stability" not in found.tables
    ranks = {row["model"]: (row["rank_low"], row["rank_high"]) for row in found.tables["ranking"]}
    assert ranks == {"m0": (1, 3), "m1": (2, 4), "m2": (1, 3), "m3": (2, 4)}


def test_intervals_end_where_the_scale_does():
    """A mean near 1 has no interval beyond 1."""
    frame = pd.DataFrame({"model": ["a"], "x": [0.99], "y": [0.95], "z": [0.8]})

    mean = sustainability(frame).tables["ranking"][0]["mean"]

    assert mean.high == 1.0
    assert "cut at the scale" in mean.method


@pytest.mark.parametrize(("tasks", "unseen", "kinds"), [(3, "63 %", True), (10, "26 %", False), (20, None, False)])
def test_what_few_tasks_cannot_show_is_said(tasks, unseen, kinds):
    """The rarest kind of task that they surely hold; below 8 tasks that two kinds of task make intervals too narrow."""
    told = " ".join(sustainability(_table(t=tasks)).caveats)

    assert ("two kinds" in told) == kinds
    assert ("absent from" in told) == (unseen is not None)
    assert unseen is None or f"makes up {unseen} of all such tasks" in told


def test_constant_scores_tell_nothing_apart():
    """Equal scores: no order, no reliability, no warning."""
    frame = _table()
    frame.iloc[:, 1:] = 50.0

    found = sustainability(frame)

    assert "nothing tells them apart" in found.verdict
    assert found.estimate("generalizability").value is None
    assert any("all models are equal" in caveat for caveat in found.caveats)


def test_a_task_with_one_model_compares_nothing():
    """It is said, and the ranking of the others stands."""
    frame = _table()
    frame.loc[1:, "task3"] = np.nan

    found = sustainability(frame)

    assert any("one model only on task3" in caveat for caveat in found.caveats)
    assert any("cells are missing" in caveat for caveat in found.caveats)
    assert found.tables["ranking"][0]["model"] == "m0"


def test_negative_components_are_reported_as_0():
    """Models that differ less than chance would make them: 0, and a caveat says so."""
    rng = np.random.default_rng(4)
    frame = _table(gap=0.0, seed=11)
    frame.iloc[:, 1:] = 50 + rng.normal(size=(8, 10)) - rng.normal(size=(8, 10)).mean()
    values = frame.iloc[:, 1:].to_numpy()
    frame.iloc[:, 1:] = values - values.mean(axis=1, keepdims=True) + 50

    found = sustainability(frame)

    component = next(c for c in found.tables["components"] if c["component"] == "model")
    assert component["variance"].value == 0.0
    assert any("negative" in caveat and "reported as 0" in caveat for caveat in found.caveats)
    assert all(row["p_best"] == pytest.approx(1 / 8) for row in found.tables["ranking"])


def test_needed_numbers_answer_the_question_that_was_asked():
    """Tasks for a difference of delta follow the residual; costs multiply what is missing."""
    found = sustainability(_table(), delta=0.5, cost_task=10.0, cost_run=1.0)

    rows = {row["goal"]: row for row in found.tables["needed"] if row["what"] == "tasks"}
    tell = next(row for goal, row in rows.items() if goal.startswith("tell two models"))
    assert tell["needed"].value == pytest.approx(7.849 * 2 * 1.0 / 0.25, rel=0.5)
    assert tell["cost"] == (tell["needed"].value - 10) * (10 + 8)
    assert rows["reliability 0.8"]["needed"].value <= 2
    assert rows["reliability 0.8"]["cost"] == 0


def test_reliability_is_given_for_all_and_for_the_best():
    """With twenty models or more the top ten have their own reliability, which is lower."""
    found = sustainability(_table(m=24, gap=1.0), top=8)

    now = {row["scope"]: row["generalizability"].value for row in found.tables["reliability"] if row["now"]}
    assert now["top 8"] < now["all models"]
    assert any("chosen on the same scores" in c for finding in found.findings for c in finding.caveats)


def test_stability_names_what_unseats_the_leader():
    """One task that carries the lead is named; without it the other leads."""
    frame = _table(m=4, t=8, gap=0.0, noise=0.5)
    frame.loc[2, "task5"] += 15
    found = sustainability(frame)

    assert found.tables["ranking"][0]["model"] == "m2"
    removed = next(row for row in found.tables["stability"] if row["kind"] == "fewest tasks removed")
    assert removed["what"] == "task5"
    assert removed["leader_kept"] is False
    assert found.estimate("share_of_tasks_to_unseat").value == pytest.approx(1 / 8)
    assert {"task left out", "task weights", "aggregate", "irrelevant model"} <= {
        row["kind"] for row in found.tables["stability"]
    }


def test_aggregates_that_disagree_are_named():
    """A model that wins most tasks narrowly and loses one badly leads by wins and not by the mean."""
    frame = pd.DataFrame({"model": ["steady", "brilliant", "third"]} | {f"t{j}": [70.0, 71.0, 60.0] for j in range(7)})
    frame["t6"] = [70.0, 10.0, 60.0]

    found = sustainability(frame)

    leaders = {row["what"]: row["leader"] for row in found.tables["stability"] if row["kind"] == "aggregate"}
    assert found.tables["ranking"][0]["model"] == "steady"
    assert leaders["win rate"] == "brilliant"
    assert "do not agree on the leader" in _claims(found)


def test_a_fault_between_versions_is_flagged_once_with_its_time():
    """A score at chance in the middle of three versions is one flag, for that version."""
    rng = np.random.default_rng(0)
    long = _long(_table(m=12))
    parts = [long.assign(time=t, score=long["score"] + 0.1 * rng.normal(size=len(long))) for t in (2021, 2022, 2023)]
    parts[1].loc[5, "score"] = 0.1
    found = sustainability(pd.concat(parts, ignore_index=True), time="time")

    assert len(found.tables["flags"]) == 1
    flag = found.tables["flags"][0]
    assert set(flag) == {"model", "task", "time", "kind", "size", "why"}
    assert (flag["model"], flag["task"], flag["time"], flag["kind"]) == ("m5", "task0", "2022", "fault")
    assert found.estimate("flagged_faults").value == 1
    assert [row["compared"] for row in found.tables["versions"]] == [120, 120]


def test_other_weights_are_no_fault():
    """A change of weights or of protocol between versions is named as that."""
    long = _long(_table(m=12))
    new = long.assign(time=2, weights="v1", split="test")
    new.loc[3, ["score", "weights"]] = [50.0, "v2"]
    new.loc[4, ["score", "split"]] = [50.0, "validation"]
    both = pd.concat([long.assign(time=1, weights="v1", split="test"), new], ignore_index=True)

    kinds = {(row["model"], row["kind"]) for row in sustainability(both, time="time").tables["flags"]}

    assert ("m3", "weights changed") in kinds
    assert ("m4", "not comparable") in kinds
    assert not any(kind == "fault" for _, kind in kinds)


def test_two_sources_are_compared_task_by_task():
    """A task that another harness measures otherwise is not comparable; the others are."""
    frame = _table(m=12)
    other = frame.copy()
    other["task2"] = 100 - other["task2"]
    other["task4"] += 0.05

    found = sustainability(frame, against=other)

    rows = {row["task"]: row for row in found.tables["sources"]}
    assert rows["task2"]["comparable"] is False
    assert rows["task4"]["comparable"] is True
    assert rows["task4"]["bias"] == pytest.approx(-0.05)
    assert {row["task"] for row in found.tables["flags"]} == {"task2"}
    assert "Not comparable between the two sources: task2" in _claims(found)
    nothing = sustainability(frame, against=pd.DataFrame({"model": ["other", "more"], "x": [1.5, 2.5]}))
    assert any("shares no model or no task" in caveat for caveat in nothing.caveats)


def test_another_protocol_is_not_compared_whatever_its_scores():
    """A task measured by another metric in the other source is not comparable; its cells are not judged."""
    long = _long(_table(m=12)).assign(metric="accuracy", revision="r1")
    other = long.assign(score=long["score"] / 100)
    other.loc[other["task"] == "task1", ["metric", "score"]] = ["recall", 0.2]
    other.loc[3, ["revision", "score"]] = ["r2", 0.1]
    wide = other.pivot_table(index="model", columns="task", values="score").reset_index()

    found = sustainability(long, against=other)
    plain = sustainability(long, against=wide)

    rows = {row["task"]: row for row in found.tables["sources"]}
    assert "metric: recall / accuracy" in rows["task1"]["why"]
    assert [task for task, row in rows.items() if row["comparable"] is False] == ["task1"]
    assert [(row["model"], row["kind"]) for row in found.tables["flags"]] == [("m3", "weights changed")]
    assert any("fractions are read as percent" in caveat for caveat in found.caveats)
    assert {(row["task"], row["model"]) for row in plain.tables["flags"]} >= {("task1", "m5"), ("task0", "m3")}


def test_scores_and_their_mean_stand_side_by_side():
    """Eᵢ with its interval for every subtask, M for both populations, and a picture of them for one model."""
    rng = np.random.default_rng(0)
    long = _long(_table(m=1)).assign(seed=0)
    long = pd.concat([long.assign(seed=s, score=long["score"] + rng.normal(size=len(long))) for s in range(3)])

    found = sustainability(long, seed="seed", population="other parts of the data")

    scores = [row["score"] for row in found.tables["scores"]]
    assert np.mean([score.value for score in scores]) == pytest.approx(found.tables["ranking"][0]["mean"].value)
    assert all(score.low < score.value < score.high for score in scores)
    assert "for other parts of the data" in found.verdict
    assert "for these tasks again, with other seeds" in found.verdict
    picture = next(figure for figure in found.figures if figure.name == "scores")
    assert len(picture.rows) == len(scores) + 2
    without = sustainability(_table(m=3)).tables["scores"][0]["score"]
    assert without.known
    assert without.low is None


def test_one_table_with_an_impossible_score():
    """A score at chance in a single table is unlike the rest, and is still counted and said to be."""
    frame = _table(m=20, gap=0.5)
    frame.loc[4, "task3"] = 1.0

    found = sustainability(frame)

    assert [(row["model"], row["kind"]) for row in found.tables["flags"]] == [("m4", "unlike the rest")]
    assert any("still counted" in caveat for caveat in found.caveats)


def test_limits_are_printed_where_they_bite():
    """Costs in fits beside the gain in error; no percentile bootstrap with few tasks."""
    found = sustainability(_long(_table()).assign(n=200), n="n")

    rows = {row["scheme"]: row for row in found.tables["limits"]}
    assert rows["5 seeds a cell"]["fits_in_all"] == 4 * 80
    assert rows["leave-one-out"]["fits"] == 1000
    assert rows["5-fold cross-validation"]["error"] < 1
    assert "too few for a percentile bootstrap" in _claims(found)
    assert "percentile bootstrap" not in _claims(sustainability(_table(t=20)))


def test_every_task_carries_the_fingerprint_of_its_protocol():
    """Equal protocols have equal fingerprints, another metric has another one, and none is none."""
    long = _long(_table()).assign(split="test")
    long["metric"] = np.where(long["task"] == "task3", "f1", "acc")

    rows = {row["task"]: row for row in sustainability(long).tables["tasks"]}

    assert rows["task0"]["fingerprint"] == rows["task1"]["fingerprint"] != rows["task3"]["fingerprint"]
    assert rows["task3"]["protocol"] == "split test, metric f1"
    assert sustainability(_table()).tables["tasks"][0]["fingerprint"] is None


def test_figures_hold_what_they_show():
    """Ranks as intervals, agreement of aggregates, reliability against the number of tasks."""
    found = sustainability(_table(m=70, gap=0.2))

    kinds = {figure.name: figure for figure in found.figures}
    assert {name: figure.kind for name, figure in kinds.items()} == {
        "rank_sets": "intervals", "reliability": "curve", "aggregate_agreement": "heatmap"
    }  # fmt: skip
    assert len(kinds["rank_sets"].rows) == 60
    assert "60 of 70" in kinds["rank_sets"].title
    assert {row["models"] for row in kinds["reliability"].rows} == {"all models", "top 10"}
    assert all(figure.alt for figure in found.figures)


def test_tau_best_sets_hold_more_models():
    """The set that holds the three best is at least as large as the one that holds the best."""
    rows = sustainability(_table(gap=0.4), tau=3).tables["ranking"]

    assert sum(row["may_be_among_3_best"] for row in rows) >= sum(row["rank_low"] == 1 for row in rows)
    assert sum(row["may_be_among_3_best"] for row in rows) >= 3


def test_every_number_with_uncertainty_is_an_estimate():
    """Headlines are named estimates without NaN, whatever the table."""
    for frame in (_table(), _table(m=1), _table(t=1), _table(m=2, t=2)):
        found = sustainability(frame)
        assert all(isinstance(estimate, Estimate) for estimate in found.estimates)
        json.loads(found.to_json())


def test_a_large_table_is_answered_in_seconds():
    """332 models × 41 tasks, a fifth of the cells missing: all of it in well under half a minute."""
    frame = _table(m=332, t=41, gap=0.05)
    rng = np.random.default_rng(0)
    values = frame.iloc[:, 1:].to_numpy()
    frame.iloc[:, 1:] = np.where(rng.random(values.shape) < 0.2, np.nan, values)

    found = sustainability(frame)

    assert found.cost["seconds"] < 30
    assert len(found.tables["ranking"]) == 332
