"""The names of all metrics, as lazy strings; other packages add theirs through the entry-point group `assay.metric`."""

from __future__ import annotations

from assay.metrics.metric import Metric
from assay.registry import Registry

_CLASSWISE = [
    f"{part}{average}" for part in ("precision", "recall", "f1") for average in ("", "_micro", "_macro", "_weighted")
]

METRICS: Registry[Metric] = Registry(
    "metric",
    {
        **{name: f"assay.metrics.classwise:{name.upper()}" for name in _CLASSWISE},
        "accuracy": "assay.metrics.counted:ACCURACY",
        "auroc": "assay.metrics.ranking:AUROC",
        "average_precision": "assay.metrics.ranking:AVERAGE_PRECISION",
        "balanced_accuracy": "assay.metrics.classwise:BALANCED_ACCURACY",
        "brier": "assay.metrics.probabilities:BRIER",
        "calibration_error": "assay.metrics.probabilities:CALIBRATION_ERROR",
        "log_loss": "assay.metrics.probabilities:LOG_LOSS",
        "mae": "assay.metrics.numeric:MAE",
        "matthews": "assay.metrics.classwise:MATTHEWS",
        "r2": "assay.metrics.numeric:R2",
        "rmse": "assay.metrics.numeric:RMSE",
        "spearman": "assay.metrics.numeric:SPEARMAN",
        "top_2": "assay.metrics.counted:TOP_2",
        "top_3": "assay.metrics.counted:TOP_3",
        "top_5": "assay.metrics.counted:TOP_5",
        "top_10": "assay.metrics.counted:TOP_10",
    },
)


def find(name: str) -> Metric:
    """The metric of that name.

    Raises:
        UnknownNameError: with the nearest names.
    """
    return METRICS[name]
