"""The reusability lens on results whose answer is known."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from assay import reusability
from assay.assess.reusability import BudgetScore, Candidate, Complexity, Moment, Similarity, Training
from assay.assess.reusability.adaptation import adaptation_rows
from assay.assess.reusability.budgets import crossing_rows, curve_rows, labels_saved
from assay.assess.reusability.choice import make_pool, on_front, pareto_rows
from assay.assess.reusability.constraints import broken, parse_limits
from assay.assess.reusability.nearness import _correlation, nearness_rows
from assay.errors import DataError, NothingToAssessError, UnknownNameError, UsageError
from assay.estimate import Estimate

BUDGETS = (1, 2, 5, 10, 20, 50, 100)


def learning(
    shift: float, *, draws: int = 5, noise: float = 0.004, seed: int = 0, top: float = 0.9
) -> list[BudgetScore]:
    """A curve that needs `shift` times the labels of the first one."""
    rng = np.random.default_rng(seed)
    return [
        BudgetScore(budget=b, draw=d, score=float(top - 0.8 * top * (1 + b / shift) ** -0.6 + noise * rng.normal()))
        for b in BUDGETS
        for d in range(draws)
    ]


def estimate(value: float, half: float = 0.0, name: str = "performance") -> Estimate:
    if not half:
        return Estimate(name=name, value=value)
    return Estimate(name=name, value=value, low=value - half, high=value + half, level=0.95)


def candidate(model: str = "a", target: str = "t", *, score: float = 0.9, half: float = 0.0, seconds: float = 1.0,
              **more) -> Candidate:  # fmt: skip
    known = {"performance": estimate(score, half), "seconds": estimate(seconds, name="adaptation_time"),
             "feature_seconds": Estimate.unknown("feature_time", "not measured")}  # fmt: skip
    return Candidate(model=model, target=target, **(known | more))


def test_labels_saved_finds_the_factor_between_two_curves():
    """A twin that needs five times the labels for every score makes pretraining worth five times the labels."""
    found = labels_saved(learning(2), learning(10, seed=1), 5, level=0.95)

    assert found.low < 5 < found.high
    assert found.value == pytest.approx(5, rel=0.1)


def test_a_twin_that_never_gets_there_gives_a_bound_and_no_value():
    """Where the twin's largest budget does not reach the score, the factor has a lower end and a reason."""
    found = labels_saved(learning(2), learning(10, seed=1), 50, level=0.95)

    assert found.value is None
    assert found.high is None
    assert 1 < found.low < 2.001
    assert "does not get there with 100 labels a class" in found.reason


def test_labels_saved_without_a_twin_says_so():
    """No twin, no factor, and the reason names the twin."""
    assert "no untrained twin" in labels_saved(learning(2), [], 5, level=0.95).reason


def test_two_models_cross_where_their_curves_meet():
    """A fast starter with a low ceiling is passed at the budget where the curves are equal."""
    fast, slow = learning(0.5, top=0.8), learning(6, top=0.95, seed=1)
    row = crossing_rows([candidate("fast", curve=fast), candidate("slow", curve=slow)], level=0.95)[0]
    budgets = np.linspace(1, 100, 10_000)
    gap = 0.8 - 0.64 * (1 + budgets / 0.5) ** -0.6 - 0.95 + 0.76 * (1 + budgets / 6) ** -0.6
    truth = budgets[np.argmin(np.abs(gap))]

    assert (row["with_few_labels"], row["with_many_labels"]) == ("fast", "slow")
    assert row["at_budget"].low < truth < row["at_budget"].high


def test_models_that_do_not_cross_say_why_there_is_no_budget():
    """A model that leads everywhere has no crossing, with that as the reason."""
    row = crossing_rows([candidate("a", curve=learning(1)), candidate("b", curve=learning(20, seed=1))], level=0.95)[0]

    assert row["at_budget"].reason == "a leads at every budget"


def test_a_score_without_labels_is_a_level_line_that_a_curve_overtakes():
    """Zero-shot at the height that a curve has with 5 labels a class is overtaken there; it saves no labels itself."""
    rng = np.random.default_rng(3)
    height = 0.9 - 0.72 * (1 + 5 / 2) ** -0.6
    level_line = [BudgetScore(budget=0, draw=d, score=float(height + 0.004 * rng.normal())) for d in range(5)]
    probe = candidate("probe", curve=learning(2))
    row = crossing_rows([probe, candidate("zeroshot", curve=level_line)], level=0.95)[0]

    assert (row["with_few_labels"], row["with_many_labels"], row["cross"]) == ("zeroshot", "probe", "yes")
    assert row["at_budget"].low < 5 < row["at_budget"].high
    assert row["at_budget"].value == pytest.approx(5, rel=0.15)
    assert "no labels" in labels_saved(level_line, level_line, 0, level=0.95).reason


def test_draws_that_cannot_differ_give_no_interval_of_no_width():
    """Without labels and on published test rows every draw gives the same score, which says nothing of its error."""
    level_line = [BudgetScore(budget=0, draw=d, score=0.43) for d in range(5)]
    (row,) = curve_rows([candidate("zeroshot", curve=level_line, twin_curve=level_line)], level=0.95)

    assert (row["score"].value, row["score"].low, row["gain"].low) == (0.43, None, None)
    assert "nothing is learned" in row["score"].method


def test_a_twin_at_budget_0_does_not_spoil_its_curve():
    """A table may hold a twin's score without labels; labels are counted on the budgets above it."""
    twin = learning(10, seed=1)
    more = [*twin, *(BudgetScore(budget=0, draw=d, score=0.1) for d in range(5))]

    assert labels_saved(learning(2), more, 5, level=0.95) == labels_saved(learning(2), twin, 5, level=0.95)


def test_a_training_that_never_gets_there_is_counted_and_not_averaged_away():
    """With one of three trainings short of the score, the mean time is unknown and the restricted mean is not."""

    def training(last: float) -> Training:
        return Training(moments=[Moment(seconds=s, epochs=s, score=score)
                                 for s, score in ((1, 0.5), (2, 0.7), (3, last))])  # fmt: skip

    trainings = [training(0.95), training(0.96), training(0.75)]
    rows = adaptation_rows([candidate(trainings=trainings)], reach=[0.6], level=0.95)
    by_goal = {row["goal"]: row for row in rows}

    assert by_goal["0.6"]["seconds"].value == 2
    assert by_goal["95 % of the best"]["reached"] == "2 of 3"
    assert "not reached in 1 of 3 trainings" in by_goal["95 % of the best"]["seconds"].reason
    assert by_goal["95 % of the best"]["restricted_seconds"].value == 3


def test_the_front_holds_what_no_other_model_beats():
    """A model beaten in one indicator and equal in the others is off the front; equal models are both on it."""
    draws = np.array([[[1.0, 1.0], [1.0, 0.5], [0.2, 2.0], [1.0, 1.0]]])

    assert on_front(draws).tolist() == [[True, False, True, True]]


def test_shares_of_weightings_sum_to_one_and_a_dominating_model_wins_them_all():
    """Best in everything wins under every weighting."""
    pool = make_pool([candidate("a", score=0.9, seconds=1), candidate("b", score=0.8, seconds=2)],
                     rng=np.random.default_rng(0))  # fmt: skip
    rows = pareto_rows(pool, rng=np.random.default_rng(0))

    assert [row["share_of_weights"] for row in rows] == [1.0, 0.0]
    assert [row["p_on_front"] for row in rows] == [1.0, 0.0]


def test_what_was_measured_once_is_drawn_once():
    """One model under two recipes has one latency; its noise does not set one recipe before the other."""
    latency = Estimate(name="latency_ms", value=5.0, low=4.0, high=6.0, level=0.95)
    pair = [candidate(name, score=score, complexity=Complexity(latency_ms=latency)) for name, score in
            (("a", 0.9), ("b", 0.8))]  # fmt: skip
    rows = pareto_rows(make_pool(pair, rng=np.random.default_rng(0)), rng=np.random.default_rng(0))

    assert {row["model"]: row["p_on_front"] for row in rows} == {"a": 1.0, "b": 0.0}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [("latency<20ms", "latency_ms", 20.0), ("parameters<50M", "parameters", 50e6), ("tuning<=5min", "adaptation_seconds", 300),
     ("performance>90%", "performance", 0.9), ("latency<0.02s", "latency_ms", 20.0)],
)  # fmt: skip
def test_limits_are_read_as_people_write_them(text, name, value):
    """Names, signs and units become an indicator and a number in its unit."""
    assert parse_limits([text]) == {name: pytest.approx(value)}


@pytest.mark.parametrize("text", ["latency", "latency<20parsecs", "performance<0.9", "tuning>5min", "parameters<x"])
def test_a_limit_that_cannot_be_meant_is_refused(text):
    """No number, an unknown unit, or a sign that points the wrong way."""
    with pytest.raises(UsageError):
        parse_limits([text])


def test_an_unknown_cost_does_not_meet_a_limit():
    """A limit on what is not known excludes the model and says why; an unknown name is an error."""
    assert broken(candidate(), {"parameters": 1e6}) == ["parameters is not known"]
    with pytest.raises(UnknownNameError):
        broken(candidate(), {"weight": 1})


def test_constraints_come_before_the_choice():
    """A model that breaks a limit is excluded with the reason; when all do, there is nothing to assess."""
    pair = [candidate("slow", seconds=900), candidate("fast", score=0.8, seconds=10)]
    found = reusability(pair, constraints=["tuning<5min"])

    assert [row["model"] for row in found.tables["indicators"]] == ["fast"]
    assert found.tables["excluded"][0]["why"] == "adaptation seconds 900 above 300"
    with pytest.raises(NothingToAssessError, match="no model meets"):
        reusability(pair, constraints=["tuning<1s"])


def test_across_targets_tells_gain_static_best_and_what_is_not_served():
    """The model that leads elsewhere is the static best here; one under the free baseline does not serve."""
    targets = {"x": (0.9, 0.8), "y": (0.85, 0.7), "z": (0.5, 0.6)}
    given = [candidate(model, target, score=scores[i], half=0.02, curve=learning(2), twin_curve=learning(10, seed=1),
                       baselines={"majority": 0.55})
             for target, scores in targets.items() for i, model in enumerate("ab")]  # fmt: skip
    found = reusability(given)
    rows = {row["model"]: row for row in found.tables["across_tasks"]}

    assert rows["a"]["not_served"] == "z"
    assert rows["b"]["beats_static_best"] == "1 of 3"
    assert rows["a"]["beats_twin"] == "3 of 3"
    assert rows["a"]["mean_gain"].low > 0
    assert {(row["target"], row["static_best"]) for row in found.tables["profile"] if row["target"] == "z"} == {
        ("z", "a")
    }


def test_nearness_that_predicts_nothing_is_said_to():
    """Six pairs with unrelated similarity and gain give a correlation with an interval over zero."""
    gains = {("a", f"t{i}"): estimate(value) for i, value in enumerate((3, 1, 4, 1.5, 9, 2.6, 5, 3.5))}
    unrelated = [2, 7, 1, 8, 2.8, 1.8, 4, 5]
    given = [
        candidate("a", f"t{i}", similarities=[Similarity(measure="m", value=estimate(near, name="distance"),
                                                         floor=estimate(0.0), p_value=None, extractor="a")])
        for i, near in enumerate(unrelated)
    ]  # fmt: skip
    row = nearness_rows(given, gains, level=0.95)[0]

    assert row["predicts_gain"] == "no"
    assert row["correlation_with_gain"].low < 0 < row["correlation_with_gain"].high


def near_and_far(distances: list[float], gains=(0.3, 0.25, 0.2, 0.15, 0.1, 0.05)) -> pd.DataFrame:
    """Targets with their distances from a source, and a model that gains so much over its twin on each."""
    return pd.DataFrame(
        [
            {"model": "a", "role": role, "target": f"t{i}", "budget": 10, "score": 0.5 + gain * (role == "model"),
             "distance": distance}
            for i, (distance, gain) in enumerate(zip(distances, gains, strict=True))
            for role in ("model", "twin")
        ]
    )  # fmt: skip


def test_nearness_that_predicts_the_gain_is_said_to_with_its_interval():
    """Six targets in perfect order: predicted, with an interval that stays below 1 and is wide for so few."""
    found = reusability(near_and_far([1, 2, 3, 4, 5, 6]))
    (row,) = found.tables["nearness"]
    known = row["correlation_with_gain"]

    assert (row["predicts_gain"], known.value, known.n) == ("yes", pytest.approx(1.0), 6)
    assert 0.2 < known.low < 0.9
    assert any(finding.claim.startswith("Nearness by distance predicts the gain") for finding in found.findings)


def test_distances_in_no_order_and_in_the_wrong_order_are_not_taken_for_a_prediction():
    """A table says as plainly as a run that nearness tells nothing, or the reverse of what one would hope."""
    mixed, turned = reusability(near_and_far([3, 6, 1, 5, 2, 4])), reusability(near_and_far([6, 5, 4, 3, 2, 1]))

    assert [found.tables["nearness"][0]["predicts_gain"] for found in (mixed, turned)] == ["no", "the reverse"]
    for found in (mixed, turned):
        assert any("do not choose a source by it" in note for note in found.caveats)
        assert any("no measure of similarity" in finding.claim.lower() for finding in found.findings)


@pytest.mark.parametrize("targets", [5, 6])
def test_the_interval_of_the_correlation_holds_for_few_targets(targets):
    """At a strong correlation, where samples are often in perfect order: not below 95 % beyond a binomial doubt."""
    rng, truth = np.random.default_rng(targets), 6 / np.pi * np.arcsin(0.9 / 2)
    held = 0
    for _ in range(400):
        x, noise = rng.normal(size=(2, targets))
        found = _correlation([np.column_stack([x, 0.9 * x + np.sqrt(1 - 0.9**2) * noise])], 0.95)
        held += found.low <= truth <= found.high
    assert binomtest(held, 400, 0.95, alternative="less").pvalue > 0.01


def test_four_targets_are_too_few_and_the_reason_counts_them():
    """The correlation is unknown then, and the page says what would be needed."""
    found = reusability(near_and_far([1, 2, 3, 4], gains=(0.3, 0.2, 0.1, 0.05)))

    assert found.tables["nearness"][0]["predicts_gain"] == "unknown"
    assert any("4 targets have both a similarity and a gain; 5 are needed" in note for note in found.caveats)


def test_many_measures_need_more_than_one_lucky_correlation():
    """The one measure of twelve that orders six targets is not believed, though its own interval is above zero."""
    gains = {("a", f"t{i}"): estimate(0.3 - 0.05 * i) for i in range(6)}
    orders = {f"m{k}": np.random.default_rng(k).permutation(6) for k in range(11)} | {
        "lucky": np.array([1, 0, 2, 3, 4, 5])
    }
    given = [
        candidate("a", f"t{i}", similarities=[Similarity(measure=name, value=estimate(float(order[i]), name="distance"),
                                                         floor=estimate(0.0), p_value=None, extractor="a")
                                              for name, order in orders.items()])
        for i in range(6)
    ]  # fmt: skip
    rows = {row["measure"]: row for row in nearness_rows(given, gains, level=0.95)}

    assert rows["lucky"]["correlation_with_gain"].low > 0
    assert {row["predicts_gain"] for row in rows.values()} == {"no"}


def a_table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {"model": model, "role": role, "target": "t", "budget": b, "draw": d, "seconds": cost, "parameters": 1e6 * cost,
         "score": 0.9 - 0.7 * (1 + b / shift) ** -0.6 + 0.004 * rng.normal()}
        for model, role, shift, cost in (("big", "model", 2, 9), ("big", "twin", 10, 9), ("small", "model", 5, 2),
                                         ("small", "twin", 10, 2))
        for b in BUDGETS for d in range(5)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_table_of_trainings_is_enough():
    """Model, target, budget, draw, role and seconds in a plain table give curves, labels saved and the front."""
    found = reusability(a_table())
    saved = {(row["model"], row["budget"]): row["labels_saved"] for row in found.tables["budget_curve"]}

    assert saved["big", 5].low < 5 < saved["big", 5].high
    assert {row["model"]: row["p_on_front"] for row in found.tables["pareto"]}["big"] > 0.95
    assert set(found.tables) >= {"indicators", "budget_curve", "similarity", "pareto", "complexity"}
    assert found.to_json()


def test_the_same_table_and_seed_give_the_same_document():
    """Everything random comes from the seed."""
    documents = [dataclasses.replace(reusability(a_table(), rng_seed=3), cost={}).to_json() for _ in range(2)]

    assert documents[0] == documents[1]


def test_a_table_with_words_for_scores_names_the_cell():
    """A score that is no number is an error with row and column; a missing column is named with its neighbours."""
    table = a_table().astype({"score": object})
    table.loc[3, "score"] = "good"

    with pytest.raises(DataError, match=r"row 5, column 'score'"):
        reusability(table)
    with pytest.raises(UnknownNameError, match="score"):
        reusability(a_table().rename(columns={"score": "scores"}))


def test_one_budget_and_one_draw_still_give_an_answer():
    """With one number a model, performance and costs are compared, and the rest is unknown with its reason."""
    found = reusability(pd.DataFrame({"model": ["a", "b"], "score": [0.9, 0.8], "seconds": [10, 1]}))

    assert len(found.tables["pareto"]) == 2
    assert any("without an interval" in caveat for caveat in found.caveats)
