"""The lens as a whole: what it must hold whatever the log, and what it may not claim."""

import json

import numpy as np
import pandas as pd
import pytest

import assay
from assay.assess.durability import durability
from assay.errors import DataError, NothingToAssessError, UnknownNameError, UsageError
from assay.estimate import Estimate

FEATURES = [f"f{i}" for i in range(6)]


def run(frame, **options):
    return durability(
        frame, **{"time": "when", "target": "truth", "proba": "p", "window": "month", "refits": 0, **options}
    )


@pytest.fixture(scope="module")
def full(make_log):
    """One run with everything in it."""
    return run(make_log(), features=FEATURES, split="part", group="team", text="text", floor=0.7, refits=40)


def test_the_json_has_the_published_shape(full):
    """Tables, columns and estimates are there under their published names, and no NaN is written."""
    document = json.loads(full.to_json())
    row = document["tables"]["curve"][-1]

    assert document["schema"] == "assay/durability/1"
    assert {"window", "n", "performance", "rate"} <= set(row)
    assert {"start", "end"} <= set(row["window"])
    assert {"cause", "points", "order_spread", "verdict"} <= set(document["tables"]["causes"][0])
    assert {"regret", "forecast", "triangle", "retraining", "label_free", "overfitting", "carriers"} <= set(
        document["tables"]
    )
    names = {estimate["name"] for estimate in document["estimates"]}
    assert {"drop", "slope", "half_life", "safe_until", "staleness_regret", "overfitting_gap"} <= names
    assert {figure.name for figure in full.figures} >= {"curve", "causes", "regret"}


def test_a_fading_model_is_seen_to_fade(full):
    """Twenty points of growing errors give a drop, a falling slope and a claim that says so."""
    assert full.estimate("drop").low > 1
    assert full.estimate("slope").high < 0
    assert "became worse" in full.verdict


def test_causes_sum_to_the_change_with_the_training_rows(full):
    """Overfitting and the three causes add up to the fall from training rows to later windows, to 1e-12 of a fraction."""
    points = [row["points"].value for row in full.tables["causes"]]
    chain = [row["points"].value for row in full.tables["overfitting"]]

    assert len(points) == 4
    assert sum(points) == pytest.approx(full.estimate("change").value, abs=1e-10)
    assert full.estimate("change").value == pytest.approx(
        full.estimate("drop").value + full.estimate("overfitting_gap").value, abs=1e-10
    )
    later = full.tables["overfitting"][-1]
    assert later["to"] == "later windows"
    assert len(chain) == 3


def test_every_window_has_its_causes_and_they_sum(full):
    """The causes of each window add up to its own change."""
    for row in full.tables["causes_by_window"]:
        parts = [value.value for value in row.values() if isinstance(value, Estimate)]
        assert sum(parts) == pytest.approx(row["change"], abs=1e-10)


def test_random_errors_are_a_changed_relation_but_not_concept_drift(full):
    """Labels that turn at random are a changed relation; as no fresh model wins, it is not called concept drift."""
    row = next(row for row in full.tables["causes"] if row["cause"] == "changed relation")

    assert row["verdict"] == "claimed"
    assert "concept drift" not in full.verdict
    claim = next(f for f in full.findings if f.claim.startswith("Changed relation"))
    assert any("not concept drift until" in caveat for caveat in claim.caveats)


def test_concept_drift_is_claimed_when_a_fresh_model_wins(make_log):
    """When the relation turns, a fresh model gains, and only then the word is used."""
    found = run(make_log(concept=True, n=2400), features=FEATURES)
    row = next(row for row in found.tables["causes"] if row["cause"] == "changed relation")

    assert found.estimate("staleness_regret").low > 0
    assert row["verdict"] == "claimed: concept drift, as a fresh model wins"
    assert "has aged" in found.verdict


def test_words_and_regions_that_carry_the_loss_are_named(make_log):
    """The word and the feature behind a turned relation stand among the real carriers."""
    frame = make_log(concept=True, n=3000)
    found = run(frame, features=FEATURES, text="text", group="team")
    real = {(row["kind"], row["part"]) for row in found.tables["carriers"] if row["real"]}

    assert any(kind == "region" and "f3" in part for kind, part in real)
    assert {"class", "cluster", "group", "word", "region"} >= {kind for kind, _ in real}
    assert ("word", "storm") in real


def test_a_direction_picks_the_order_and_none_shows_both(fading):
    """With a direction the points are that order's; without, the mean, with the spread beside it."""
    xy, yx, both = (run(fading, features=FEATURES, direction=d).tables["causes"] for d in ("x-y", "y-x", None))

    for a, b, c in zip(xy, yx, both, strict=True):
        assert a["points"].value == pytest.approx(a["points_x_y"])
        assert b["points"].value == pytest.approx(b["points_y_x"])
        assert c["points"].value == pytest.approx((a["points"].value + b["points"].value) / 2, abs=1e-9)
        assert c["order_spread"] == pytest.approx(abs(a["points"].value - b["points"].value), abs=1e-9)
        assert c["points"].low <= min(a["points"].low, b["points"].low) + 1e-9
    assert xy[0]["points"].value == 0


def test_nothing_is_claimed_of_a_stationary_log(make_log):
    """A model that does not fade gets no drop, no trend, no cause."""
    found = run(make_log(fade=0.0, seed=3), features=FEATURES)

    assert found.estimate("drop").low < 0 < found.estimate("drop").high
    assert not any(str(row["verdict"]).startswith("claimed") for row in found.tables["causes"])
    assert "no change since is shown" in found.verdict
    assert "no half-life" in found.estimate("half_life").reason


def test_labels_that_are_late_are_estimated(fading):
    """Windows without labels get a label-free estimate, few labels are combined with it, and the blind spot is said."""
    frame = fading.copy()
    month = frame["when"].dt.month
    rng = np.random.default_rng(0)
    frame.loc[month == 12, "truth"] = None
    frame.loc[(month == 11) & (rng.random(len(frame)) < 0.7), "truth"] = None
    found = run(frame, features=FEATURES)
    last, before = found.tables["curve"][-1], found.tables["curve"][-2]

    assert last["performance"].value is None
    assert last["label_free"].known
    assert last["without_label"] > 100
    assert before["combined"].method.startswith("prediction-powered")
    assert any("Without labels nothing can show" in caveat for caveat in found.caveats)
    assert {"confidence_from", "labels", "window"} <= set(found.tables["label_next"][0])


def test_the_method_for_a_window_is_chosen_on_earlier_windows_only(fading):
    """Changing the labels of the last month changes no label-free figure."""
    changed = fading.copy()
    december = changed["when"].dt.month == 12
    changed.loc[december, "truth"] = np.where(changed.loc[december, "truth"] == "yes", "no", "yes")
    one, two = (run(f, features=FEATURES).tables["curve"] for f in (fading, changed))

    assert [str(row["label_free"]) for row in one] == [str(row["label_free"]) for row in two]


def test_the_order_of_rows_and_the_names_of_classes_change_nothing(fading):
    """Shuffled rows and renamed classes give the same curve and causes."""
    shuffled = fading.sample(frac=1, random_state=1)
    renamed = fading.assign(truth=fading["truth"].map({"no": "a", "yes": "b"}))
    a, b, c = (run(f) for f in (fading, shuffled, renamed))

    for other in (b, c):
        assert [str(r["performance"]) for r in other.tables["curve"]] == [
            str(r["performance"]) for r in a.tables["curve"]
        ]
        for mine, theirs in zip(a.tables["causes"], other.tables["causes"], strict=True):
            assert theirs["points"].value == pytest.approx(mine["points"].value, abs=1e-6)


def test_the_same_seed_gives_the_same_document(fading):
    """Two runs with one seed agree to the last digit, cost left out."""
    a, b = (json.loads(run(fading, features=FEATURES).to_json()) for _ in range(2))
    for document in (a, b):
        document.pop("cost")
        for row in document["tables"]["retraining"]:
            row.pop("seconds"), row.pop("seconds_per_point")

    assert a == b


@pytest.mark.parametrize("metric", ["f1_macro", "auroc", "balanced_accuracy", "log_loss", "brier"])
def test_any_metric_draws_a_curve(fading, metric):
    """Every metric has its curve, and a drop that is positive when the model has become worse."""
    found = run(fading, metric=metric)

    assert found.estimate("drop").value > 0
    assert all(row["performance"].known for row in found.tables["curve"])


def test_numbers_are_assessed_too(fading):
    """A regression has a curve of absolute errors, causes by bins of the target, and no head to refit."""
    rng = np.random.default_rng(0)
    days = (fading["when"] - fading["when"].min()).dt.days
    truth = fading["f0"] * 2 + rng.standard_normal(len(fading)) * (0.3 + days / 300)
    frame = fading.assign(truth=truth, guess=fading["f0"] * 2).drop(columns="p")
    found = durability(
        frame, time="when", target="truth", prediction="guess", features=FEATURES, window="month", refits=0
    )

    assert found.estimate("drop").low > 0
    assert found.estimate("slope").low > 0
    assert sum(r["points"].value for r in found.tables["causes"]) == pytest.approx(
        found.estimate("drop").value, abs=1e-9
    )
    assert "classes only" in found.estimate("staleness_regret").reason


def test_one_window_shows_a_score_and_reasons(fading):
    """With a single window there is a score and no change, trend, forecast or cause; each says why."""
    found = run(fading, window="year")

    assert len(found.tables["curve"]) == 1
    for name in ("drop", "slope", "half_life", "staleness_regret"):
        assert found.estimate(name).reason
    assert "causes" not in found.tables


@pytest.mark.parametrize("windows", [2, 3])
def test_fewer_than_four_windows_give_bounds_only(fading, windows):
    """Two and three windows give bounds of a slope and no value, no date, no forecast."""
    found = run(fading, window=str(len(fading) // windows), floor=0.75)
    slope = found.estimate("slope")

    assert slope.value is None
    assert slope.low < 0
    assert "four" in slope.reason
    assert found.estimate("safe_until").value is None
    assert "forecast" not in found.tables


def test_empty_windows_stay_in_the_curve(fading):
    """A month without rows is a row without a score, and the next rate spans the gap."""
    frame = fading[fading["when"].dt.month != 6]
    rows = run(frame).tables["curve"]

    assert rows[5]["n"] == 0
    assert rows[5]["performance"].reason
    assert rows[6]["rate"].known


def test_a_window_without_one_class_says_so(fading):
    """AUROC has no value where a window has one class only; the other windows keep theirs."""
    frame = fading[~((fading["when"].dt.month == 5) & (fading["truth"] == "no"))]
    rows = run(frame, metric="auroc").tables["curve"]

    assert rows[4]["performance"].value is None
    assert rows[3]["performance"].known


def test_a_floor_above_the_source_score_was_never_kept(fading):
    """No date is given for a floor that the source does not reach; a lower one has its three dates in order."""
    never = run(fading, floor=0.99)
    found = run(fading, floor=0.75)
    row = found.tables["floor"][0]

    assert "above the source score" in never.estimate("safe_until").reason
    dates = [row[name] for name in ("safe_until", "expected", "overdue") if row[name] is not None]
    assert dates == sorted(dates)
    assert dates


def test_the_source_may_be_compared_with_the_latest_window(fading):
    """`against` chooses what the drop and the causes are of."""
    latest = run(fading, against="latest")
    march = run(fading, against="2016-03")

    assert latest.estimate("drop").value > march.estimate("drop").value
    with pytest.raises(UnknownNameError, match="2016-03"):
        run(fading, against="2016-33")


@pytest.mark.parametrize("n", [10, 40, 120])
def test_small_logs_are_assessed_and_say_what_they_cannot(make_log, n):
    """Ten rows are enough for a page; what they cannot carry has a reason."""
    found = run(make_log(n=n), features=FEATURES, window="quarter")

    assert found.to_json()
    assert all(e.known or e.reason for e in found.estimates)


@pytest.mark.parametrize(("options", "error", "says"), [
    ({"metric": "mae"}, UsageError, "not a metric of classes"),
    ({"metric": "acuracy"}, UnknownNameError, "accuracy"),
    ({"direction": "up"}, UsageError, "x-y or y-x"),
    ({"level": 2.0}, UsageError, "level"),
    ({"windows": "month"}, UnknownNameError, "'window'"),
    ({"target": "truht"}, UnknownNameError, "truth"),
    ({"window": "fortnight"}, UnknownNameError, "14d"),
    ({"origin": "2030-01-01"}, DataError, "no row lies at or after"),
])  # fmt: skip
def test_bad_questions_are_refused(fading, options, error, says):
    """A wrong option is refused with what would have worked."""
    with pytest.raises(error, match=says):
        run(fading, **options)


def test_probabilities_alone_or_predictions_alone_suffice(fading):
    """Either gives a page; without probabilities the metrics that need them are refused."""
    said = fading.assign(said=np.where(fading["p"] > 0.5, "yes", "no"))
    alone = durability(said, time="when", target="truth", prediction="said", window="month", refits=0)

    assert alone.estimate("drop").value == pytest.approx(run(fading).estimate("drop").value)
    with pytest.raises(UsageError, match="needs probabilities"):
        durability(said, time="when", target="truth", prediction="said", metric="auroc")


def test_a_log_without_labels_has_nothing_to_assess():
    """No label at all is nothing to assess."""
    frame = pd.DataFrame({"when": [1, 2], "truth": [None, None], "p": [0.5, 0.6]})
    with pytest.raises(NothingToAssessError):
        run(frame, window=None)


def test_the_door_opens():
    """`assay.durability` is the lens."""
    assert assay.durability is durability


def test_the_mix_of_classes_is_exact_with_labels_and_guessed_without(make_log):
    """Label and within-class term sum to the change; where no label has come only BBSE and EM speak."""
    log = make_log()
    late = log["when"] > log["when"].max() - pd.Timedelta("60D")
    log.loc[late, "truth"] = None
    found = durability(log, time="when", target="truth", proba="yes=p", split="part", window="60d", refits=0)
    source = found.tables["curve"][0]["performance"].value
    scores = {row["name"]: row["performance"].value for row in found.tables["curve"]}
    known = [row for row in found.tables["class_mix"] if row["label_term"].known]
    last = found.tables["class_mix"][-1]

    assert len(known) >= 3
    for row in known:
        change = 100 * (source - scores[row["window"]])
        if row["n"] == next(r["n"] for r in found.tables["curve"] if r["name"] == row["window"]):
            assert row["label_term"].value + row["within_class"].value == pytest.approx(change, abs=1e-9)
        assert row["label_term_bbse"].value == pytest.approx(row["label_term_em"].value, abs=3)
    assert last["label_term"].reason == "no label has arrived"
    assert last["label_term_em"].known
