"""Metrics against scikit-learn, and their contributions against brute force."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from assay.errors import ShapeError, UnknownNameError, UsageError
from assay.metrics import METRICS, confusion, contributions, interval, per_class

LABELLED = [name for name in METRICS if "multiclass" in METRICS[name].kinds or METRICS[name].kinds == ("binary",)]
NUMERIC = [name for name in METRICS if METRICS[name].kinds == ("regression",)]


def _classes(rng, n=60, c=4):
    """Targets, labels and probabilities that are somewhat right."""
    target = rng.integers(0, c, n)
    score = rng.dirichlet(np.ones(c), n) + 0.6 * np.eye(c)[target] * rng.random((n, 1))
    score /= score.sum(axis=1, keepdims=True)
    return target, score.argmax(axis=1), score


SKLEARN = {
    "accuracy": lambda y, p, s: sk.accuracy_score(y, p),
    "balanced_accuracy": lambda y, p, s: sk.balanced_accuracy_score(y, p),
    "matthews": lambda y, p, s: sk.matthews_corrcoef(y, p),
    "log_loss": lambda y, p, s: sk.log_loss(y, s, labels=np.arange(s.shape[1])),
    "auroc": lambda y, p, s: sk.roc_auc_score(y, s[:, 1] if s.shape[1] == 2 else s, multi_class="ovr"),
    "average_precision": lambda y, p, s: sk.average_precision_score(y, s[:, 1] if s.shape[1] == 2 else s),
    "brier": lambda y, p, s: np.mean((s - np.eye(s.shape[1])[y]) ** 2) * (1 if s.shape[1] == 2 else s.shape[1]),
    "f1_macro": lambda y, p, s: sk.f1_score(y, p, average="macro", zero_division=0),
    "f1_micro": lambda y, p, s: sk.f1_score(y, p, average="micro"),
    "f1_weighted": lambda y, p, s: sk.f1_score(y, p, average="weighted", zero_division=0),
    "precision_macro": lambda y, p, s: sk.precision_score(y, p, average="macro", zero_division=0),
    "recall_weighted": lambda y, p, s: sk.recall_score(y, p, average="weighted", zero_division=0),
    "top_2": lambda y, p, s: sk.top_k_accuracy_score(y, s, k=2, labels=np.arange(s.shape[1])),
    "top_3": lambda y, p, s: sk.top_k_accuracy_score(y, s, k=3, labels=np.arange(s.shape[1])),
}


@pytest.mark.parametrize("name", sorted(SKLEARN))
def test_values_are_scikit_learns(name, rng):
    """On random multiclass and binary answers a metric equals scikit-learn's to 1e-12."""
    for trial in range(20):
        c = 2 if trial % 2 and not name.startswith("top") else 5
        target, label, score = _classes(rng, 80, c)
        assert METRICS[name](target, label, score) == pytest.approx(SKLEARN[name](target, label, score), abs=1e-12)


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_binary_metrics_look_at_class_one(name, rng):
    """Without an average, precision, recall and F1 are those of class 1."""
    target, label, _ = _classes(rng, 50, 2)

    assert METRICS[name](target, label) == pytest.approx(getattr(sk, f"{name}_score")(target, label))


@pytest.mark.parametrize("name", sorted(NUMERIC))
def test_numeric_metrics_are_scikit_learns(name, rng):
    """Regression metrics equal scikit-learn's and SciPy's."""
    from scipy import stats

    target = rng.normal(size=70)
    value = 0.5 * target + rng.normal(size=70)
    expected = {
        "mae": sk.mean_absolute_error(target, value),
        "rmse": np.sqrt(sk.mean_squared_error(target, value)),
        "r2": sk.r2_score(target, value),
        "spearman": stats.spearmanr(target, value).statistic,
    }
    assert METRICS[name](target, value) == pytest.approx(expected[name], abs=1e-12)


def test_calibration_error_by_hand():
    """Two bins: gaps of 0.2 (confidence 0.6, four of five right) and 0.1 (0.9, four of five right) weigh alike."""
    target = [1, 1, 1, 1, 0] * 2
    score = [0.6] * 5 + [0.9] * 5

    assert METRICS["calibration_error"](target, None, score) == pytest.approx(0.5 * 0.2 + 0.5 * 0.1)


EXACT = [(name, 2) for name in sorted({*LABELLED, *NUMERIC} - {"spearman", "top_2", "top_3", "top_5", "top_10"})]
EXACT += [(name, 12) for name in sorted(name for name in LABELLED if METRICS[name].kinds != ("binary",))]


@pytest.mark.parametrize(("name", "classes"), EXACT)
def test_contributions_are_exact_jackknife_values(name, classes, rng):
    """Each item's contribution is nθ − (n − 1)θ without the item, as computed by leaving it out."""
    metric = METRICS[name]
    if name in NUMERIC:
        target, score = rng.normal(size=40), None
        label = target + rng.normal(size=40)
    else:
        _, _, score = _classes(rng, 40, classes)
        target = rng.permutation(np.arange(40) % classes)
        label = score.argmax(axis=1)
        score = np.round(score, 1)  # ties
        score[:, 0] += 1 - score.sum(axis=1)
        score = score.clip(0.01)
        score /= score.sum(axis=1, keepdims=True)
    got = contributions(metric, target, label, score)
    value = metric(target, label, score)
    rows = np.arange(40)
    left = [metric(target[rows != i], label[rows != i], None if score is None else score[rows != i]) for i in rows]

    assert got == pytest.approx(40 * value - 39 * np.array(left), abs=1e-9)


@pytest.mark.parametrize("name", ["f1_macro", "f1_micro", "f1_weighted", "precision_macro", "recall_micro", "auroc",
                                  "average_precision", "log_loss", "brier", "accuracy"])  # fmt: skip
def test_multilabel_values_and_contributions(name, rng):
    """For multilabel targets values are scikit-learn's means over labels, and contributions are exact."""
    target = (rng.random((40, 3)) < 0.4).astype(int)
    score = np.clip(0.3 * target + 0.7 * rng.random((40, 3)), 0.01, 0.99)
    label = (score > 0.5).astype(int)
    expected = {
        "f1_macro": sk.f1_score(target, label, average="macro"),
        "f1_micro": sk.f1_score(target, label, average="micro"),
        "f1_weighted": sk.f1_score(target, label, average="weighted"),
        "precision_macro": sk.precision_score(target, label, average="macro", zero_division=0),
        "recall_micro": sk.recall_score(target, label, average="micro"),
        "auroc": sk.roc_auc_score(target, score, average="macro"),
        "average_precision": sk.average_precision_score(target, score, average="macro"),
        "log_loss": np.mean([sk.log_loss(target[:, k], score[:, k]) for k in range(3)]),
        "brier": np.mean((target - score) ** 2),
        "accuracy": sk.accuracy_score(target, label),
    }
    metric, rows = METRICS[name], np.arange(40)
    left = [metric(target[rows != i], label[rows != i], score[rows != i]) for i in rows]

    assert metric(target, label, score) == pytest.approx(expected[name], abs=1e-12)
    jackknife = 40 * expected[name] - 39 * np.array(left)
    assert contributions(metric, target, label, score) == pytest.approx(jackknife, abs=1e-9)


def test_spearmans_contributions_spread_like_the_jackknife(rng):
    """The influence values of Spearman's correlation spread like the jackknife, ties too."""
    for ties in (False, True):
        target = rng.normal(size=300)
        value = target + rng.normal(size=300)
        if ties:
            target, value = np.round(target), np.round(value)
        metric, rows = METRICS["spearman"], np.arange(300)
        left = np.array([metric(target[rows != i], value[rows != i]) for i in rows])
        jackknife = np.sqrt(((left - left.mean()) ** 2).sum() * 299 / 300)
        ours = contributions("spearman", target, value).std() / np.sqrt(300)

        assert ours == pytest.approx(jackknife, rel=0.03)


UNDEFINED = [
    ("auroc", [1, 1, 1], None, [0.2, 0.5, 0.7], "every item is of class 1|no item is of class"),
    ("average_precision", [0, 0], None, [0.2, 0.5], "no item is of class 1"),
    ("precision", [0, 1, 1], [0, 0, 0], None, "no item was predicted"),
    ("recall", [0, 0, 0], [0, 1, 0], None, "no item is of class 1"),
    ("f1", [0, 0, 0], [0, 0, 0], None, "no item is, or was"),
    ("matthews", [0, 1, 1], [1, 1, 1], None, "predicted to be of one class"),
    ("matthews", [1, 1, 1], [0, 1, 1], None, "all items are of one class"),
    ("f1", [0, 1, 2], [0, 1, 2], None, "f1_macro"),
    ("top_5", [0, 1, 2], None, np.eye(3), "every answer is among the first 5"),
]


@pytest.mark.parametrize(("name", "target", "label", "score", "why"), UNDEFINED)
def test_the_undefined_has_a_reason_and_is_never_zero(name, target, label, score, why):
    """Where a metric has no meaning its Estimate says why, and the plain call raises with the same words."""
    import re

    estimate = interval(name, target, label, score)

    assert estimate.value is None
    assert re.search(why, estimate.reason)
    with pytest.raises(UsageError, match=why):
        METRICS[name](target, label, score)


def test_r2_of_a_constant_target_is_undefined():
    """R² and Spearman's correlation of a constant are unknown, with the reason."""
    assert "all targets are the same" in interval("r2", [1.0, 1.0, 1.0], [1.0, 2.0, 0.5]).reason
    assert "all predicted values are the same" in interval("spearman", [1.0, 2.0, 3.0], [2.0, 2.0, 2.0]).reason


@pytest.mark.parametrize(
    ("arguments", "error", "wanted"),
    [
        (("accurcy", [0, 1], [0, 1]), UnknownNameError, "did you mean 'accuracy'"),
        (("accuracy", [0, 1], [0, 1, 1]), ShapeError, r"label is \(3,\)"),
        (("accuracy", [], []), UsageError, "at least one item"),
        (("accuracy", [0.5, 1], [0, 1]), UsageError, "whole numbers"),
        (("accuracy", [0, -1], [0, 1]), UsageError, "from 0; got -1"),
        (("log_loss", [0, 1], [0, 1]), UsageError, "needs scores"),
        (("log_loss", [0, 1], None, [[0.2, 0.2], [0.5, 0.5]]), UsageError, "row 1 sum to 0.4"),
        (("brier", [0, 1], None, [1.2, 0.3]), UsageError, "between 0 and 1"),
        (("auroc", [0, 1], None, [np.nan, 0.3]), UsageError, "NaN"),
        (("mae", [1.0, np.nan], [1.0, 2.0]), UsageError, "NaN"),
        (("top_3", [[0, 1], [1, 0]], [[0, 1], [1, 0]]), UsageError, "multilabel"),
        (("accuracy", [0, 3], None, [[0.5, 0.5], [0.1, 0.9]]), ShapeError, "class 3 occurs"),
    ],
)
def test_unreadable_predictions_are_refused(arguments, error, wanted):
    """Each way that predictions cannot be read has an error that says what is wrong."""
    with pytest.raises(error, match=wanted):
        interval(*arguments)


def test_tables_by_class(rng):
    """The table of classes counts items and carries intervals; a class nobody predicted has a reason, not a 0."""
    target, label, score = _classes(rng, 90, 3)
    label = np.where(label == 2, 0, label)
    rows = per_class(target, label, score, classes=["a/b", "<i>", "日本"])

    assert [row["items"] for row in rows] == np.bincount(target).tolist()
    assert rows[0]["recall"].value == pytest.approx(sk.recall_score(target, label, average=None)[0])
    assert rows[2]["precision"].reason == "no item was predicted to be of this class"
    assert rows[1]["auroc"].low < rows[1]["auroc"].value < rows[1]["auroc"].high

    cells = confusion(target, label, classes=["a/b", "<i>", "日本"])
    assert sum(cell["items"] for cell in cells) == 90
    assert [cell["items"] for cell in cells] == sk.confusion_matrix(target, label).ravel().tolist()


def test_nothing_warns(rng):
    """Classes that are never predicted, or absent from the target, bring no warning of scikit-learn to the user."""
    target, label = rng.integers(0, 3, 30), np.zeros(30, dtype=int)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in LABELLED:
            if not METRICS[name].needs_score:
                interval(name, target, label)
                interval(name, label, target)
