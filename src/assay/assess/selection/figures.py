"""Pictures of the selection lens, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.assess.selection.judging import Judged
from assay.finding import Figure

MOST_CLASSES = 40


def figures(judged: Judged, per_class: Sequence[Mapping[str, Any]]) -> tuple[Figure, ...]:
    """Every picture that the numbers allow."""
    found = [_ranking(judged), _cost(judged), _chance(judged), _gains(judged), _classes(per_class)]
    return tuple(figure for figure in found if figure is not None)


def _words(judged: Judged) -> str:
    return judged.scale.metric.replace("_", " ")


def _ranking(judged: Judged) -> Figure:
    rows = [
        {"model": c.model, "score": e.value, "low": e.low, "high": e.high, "group": f"group {g}"}
        for c, e, g in zip(judged.ranked, judged.scores, judged.comparison.group.tolist(), strict=True)
    ]
    return Figure(
        name="ranking", kind="intervals", title=f"{_words(judged).capitalize()} of each model, with its interval",
        rows=rows, x="score", y="model", low="low", high="high", colour="group", x_title=_words(judged), y_title="",
        alt=f"{judged.ranked[0].model} leads; models of one colour can't be told apart from that group's best.",
    )  # fmt: skip


def _cost(judged: Judged) -> Figure | None:
    """Score against the first cost that was measured for at least two candidates."""
    costs = {
        "seconds": [c.cost.seconds for c in judged.ranked], "parameters": [c.parameters for c in judged.ranked],
        "flops": [c.flops_per_item for c in judged.ranked],
    }  # fmt: skip
    for name, column in costs.items():
        if sum(1 for value in column if value) < 2:
            continue
        points = [(at, float(value)) for at, value in enumerate(column) if value]
        rows = [
            {
                "model": judged.ranked[at].model, name: value, "score": judged.scores[at].value,
                "low": judged.scores[at].low, "high": judged.scores[at].high,
                "front": not any(v <= value and o < at and (v < value or o != at) for o, v in points),
            }
            for at, value in points
        ]  # fmt: skip
        return Figure(
            name="score_cost", kind="scatter", title=f"{_words(judged).capitalize()} against {name}", rows=rows, x=name,
            y="score", low="low", high="high", x_title=name, y_title=_words(judged),
            options={"label": "model", "log_x": True, "front": "front"},
            alt=f"Models on the front: {', '.join(str(row['model']) for row in rows if row['front'])}.",
        )  # fmt: skip
    return None


def _chance(judged: Judged) -> Figure | None:
    if len(judged.ranked) < 2:
        return None
    rows = [{"model": c.model, "p_best": float(p)} for c, p in zip(judged.ranked, judged.chance, strict=True)]
    return Figure(
        name="p_best", kind="bars", title="Chance of being the best", rows=rows, x="p_best", y="model",
        x_title="probability", alt=f"{judged.ranked[int(np.argmax(judged.chance))].model} has the largest chance.",
    )  # fmt: skip


def _gains(judged: Judged) -> Figure | None:
    gains = [*judged.gains] + ([("its untrained twin", judged.twin_gains[0])] if judged.twin_gains[0] else [])
    rows = [
        {"baseline": name, "gain": gain.value, "low": gain.low, "high": gain.high}
        for name, gain in gains if gain is not None and gain.value is not None
    ]  # fmt: skip
    if not rows:
        return None
    return Figure(
        name="gain_over_baselines", kind="intervals", title=f"What {judged.ranked[0].model} gains over free baselines",
        rows=rows, x="gain", y="baseline", low="low", high="high",
        x_title=f"gain in {judged.scale.unit or _words(judged)}", options={"rule": 0.0},
        alt="An interval that reaches zero means that the gain is not shown.",
    )  # fmt: skip


def _classes(per_class: Sequence[Mapping[str, Any]]) -> Figure | None:
    classes = list(dict.fromkeys(row["class"] for row in per_class))
    if not 1 < len(classes) <= MOST_CLASSES:
        return None
    rows = [{"class": row["class"], "model": row["model"], "recall": row["recall"].value} for row in per_class]
    return Figure(
        name="per_class", kind="heatmap", title="Share of each class that each model finds", rows=rows, x="class",
        y="model", colour="recall", x_title="class", options={"scheme": "sequential", "text": len(classes) <= 20},
        alt="Recall by class and model.",
    )  # fmt: skip
