"""(targets, predictions) to a number, by scikit-learn's definitions; every number with an interval.

`METRICS` holds them by name, `interval` gives one with its interval, `difference` compares two models item by item.
"""

from assay.metrics.intervals import contributions, difference, interval
from assay.metrics.metric import Metric
from assay.metrics.registry import METRICS
from assay.metrics.tables import confusion, per_class

__all__ = ["METRICS", "Metric", "confusion", "contributions", "difference", "interval", "per_class"]
