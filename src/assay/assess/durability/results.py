"""All that the steps found, in one value, for the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.assess.durability.causes import Attribution
from assay.assess.durability.curve import Curve
from assay.assess.durability.periods import Periods
from assay.assess.durability.reading.log import PredictionLog
from assay.assess.durability.refitting import Refitted
from assay.assess.durability.scoring import Scoring
from assay.assess.durability.without_labels import LabelFree
from assay.estimate import Estimate
from assay.stats.decomposition import Order
from assay.stats.forecast import Choice

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What the steps of the lens found."""

    log: PredictionLog
    periods: Periods
    scoring: Scoring
    direction: Order | None
    curve: Curve
    drop: Estimate
    """P(source) less P(target), in points."""
    target_name: str
    """What the source is compared with."""
    attribution: Attribution | None
    """Causes of the drop; None without a later window."""
    by_window: list[Row]
    refitted: Refitted | str
    """What refitted heads show, or why there are none."""
    unlabelled: LabelFree | str
    """Label-free estimates, or why there are none."""
    carriers: list[Row]
    parts: Mapping[str, list[Row]]
    """`by_class`, `by_group`."""
    chain: list[Row]
    """The overfitting chain."""
    gap: Estimate
    forecast: tuple[list[Row], Choice | None]
    half_life: Estimate
    safe_until: tuple[Estimate, Row]
    plan: list[Row]
    """The label plan."""
    inputs: Mapping[str, Any]

    @property
    def fresh_wins(self) -> bool:
        """Whether a fresh model of the same size is shown to be better than the old one."""
        if isinstance(self.refitted, str):
            return False
        low = self.refitted.regret.estimate.low
        return low is not None and low > 0
