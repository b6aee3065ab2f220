"""What to label next: windows that are least known, and within them the rows whose labels tell most."""

from __future__ import annotations

from typing import Any

import numpy as np

from assay.assess.durability.periods import Periods
from assay.assess.durability.scoring import Scoring

STRATA = 4
_BUDGET = 100


def label_next(periods: Periods, scoring: Scoring) -> list[dict[str, Any]]:
    """How to spend 100 labels on the latest window without enough of them, by strata of confidence.

    Args:
        periods: source and windows.
        scoring: scores of rows.

    Returns:
        One row a stratum: `window`, `confidence` from and to, `rows` without label, `labels` to ask for (Neyman's
        allocation, at least 5 each so that a surprise is seen), `error_before` in the source. Empty where every row
        has its label, or without probabilities.

    Notes:
        Labels go to strata by share × standard deviation of correctness in the source (Neyman, 1934).
    """
    confidence = scoring.outputs.confidence
    open_windows = [k for k, rows in enumerate(periods.unlabelled) if len(rows) >= STRATA]
    if confidence is None or not open_windows or scoring.row_name != "accuracy":
        return []
    k = open_windows[-1]
    rows = periods.unlabelled[k]
    edges = np.unique(np.quantile(confidence[periods.source], np.linspace(0, 1, STRATA + 1)[1:-1]))
    mine = np.searchsorted(edges, confidence[rows], side="right")
    theirs = np.searchsorted(edges, confidence[periods.source], side="right")
    bounds = [0.0, *edges.tolist(), 1.0]
    strata: list[dict[str, Any]] = []
    for s in range(len(edges) + 1):
        size, past = int((mine == s).sum()), scoring.row[periods.source][theirs == s]
        if size == 0:
            continue
        wrong = (float((1 - past).sum()) + 0.5) / (len(past) + 1)
        strata.append(
            {
                "window": periods.windows.names[k],
                "confidence_from": bounds[s],
                "confidence_to": bounds[s + 1],
                "rows": size,
                "error_before": wrong,
                "pull": size * float(np.sqrt(wrong * (1 - wrong))),
            }
        )
    total = sum(row["pull"] for row in strata)
    for row in strata:
        row["labels"] = min(row["rows"], max(5, round(_BUDGET * row.pop("pull") / total)))
    return strata
