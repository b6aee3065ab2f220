"""A choice among variants of one model (layer, pooling) that does not score itself.

The best of several variants, scored on the rows that chose it, is too good. Here each fold of rows is answered by the
variant that did best on the other folds, so that what is scored is the choosing, not the luckiest outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.selection.candidates import Candidate, Run
from assay.errors import UsageError
from assay.metrics import METRICS
from assay.outcome import Predictions

FOLDS = 5


def folds_of(targets: NDArray[Any], count: int) -> NDArray[np.int_]:
    """(n,) fold of each row: rows of like targets are dealt out in turn, so that each fold has its share of each class.

    Dealing by place instead would put whole classes into one fold where rows come in the order of their classes.
    """
    fold = np.empty(len(targets), dtype=np.int_)
    fold[np.argsort(targets, kind="stable")] = np.arange(len(targets)) % count
    return fold


def base_of(name: str) -> str:
    """The model's name without the options after the question mark."""
    return name.partition("?")[0]


def choose_variants(candidates: Sequence[Candidate], *, metric: str) -> list[Candidate]:
    """One candidate a model: those that differ only in options become one, chosen inside folds.

    Args:
        candidates: With one run each, on the same rows in the same order.
        metric: A name in `METRICS`.

    Raises:
        UsageError: when variants of one model were not scored on the same rows.
    """
    families: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        families.setdefault(base_of(candidate.model), []).append(candidate)
    return [family[0] if len(family) == 1 else _chosen(base, family, metric) for base, family in families.items()]


def _chosen(base: str, family: Sequence[Candidate], metric: str) -> Candidate:
    runs = [candidate.runs[0].predictions for candidate in family]
    for rows in runs[1:]:
        if not np.array_equal(rows.ids, runs[0].ids):
            raise UsageError(f"the variants of {base} were not scored on the same rows")
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    label = np.array(runs[0].labels(), copy=True)
    fold = folds_of(np.asarray(runs[0].target), FOLDS)
    for held in range(FOLDS):
        inside, outside = fold == held, fold != held
        scores = [sign * METRICS[metric](rows.target[outside], rows.labels()[outside], None) for rows in runs]
        label[inside] = runs[int(np.argmax(scores))].labels()[inside]
    final = family[int(np.argmax([sign * METRICS[metric](rows.target, rows.labels(), None) for rows in runs]))]
    predictions = Predictions(ids=runs[0].ids, target=runs[0].target, label=label)
    seconds = [candidate.cost.seconds for candidate in family if candidate.cost.seconds is not None]
    return replace(
        final, recipe=f"{final.recipe}; best of {len(family)} variants, chosen on other rows",
        runs=[Run(predictions=predictions)], cost=replace(final.cost, seconds=sum(seconds) if seconds else None),
    )  # fmt: skip
