"""The pictures of the lens, as data: label curves, performance against time, sliders, the profile over targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.assess.reusability.choice import Pool, weight_rows
from assay.assess.reusability.records import Candidate
from assay.canon import key_of
from assay.finding import Figure, Row


def figures_of(
    curves: Sequence[Row], pools: Mapping[str, Pool], pareto: Sequence[Row], candidates: Sequence[Candidate],
    profile: Sequence[Row], metric: str,
) -> tuple[Figure, ...]:  # fmt: skip
    """All pictures: those of each target in turn, then the profile over targets."""
    found: list[Figure | None] = []
    for target, pool in pools.items():
        mine = [candidate for candidate in candidates if candidate.target == target]
        on_front = {str(row["model"]) for row in pareto if row["target"] == target and row["p_on_front"] >= 0.5}
        found += [_budget(curves, target, metric), _time(mine, target, metric, on_front), _weights(pool, target)]
    found.append(_profile(profile))
    return tuple(figure for figure in found if figure is not None)


def _budget(curves: Sequence[Row], target: str, metric: str) -> Figure | None:
    """Score over the label budget, each model's twin dashed in its colour; what learns from no labels is level."""
    mine = [row for row in curves if row["target"] == target]
    budgets = sorted({row["budget"] for row in mine if row["budget"] > 0})
    rows = [
        {
            "budget": budget, "score": estimate.value, "low": estimate.low, "high": estimate.high,
            "model": row["model"], "untrained": untrained,
        }
        for row in mine
        for budget in ([row["budget"]] if row["budget"] > 0 else budgets[:: max(len(budgets) - 1, 1)])
        for estimate, untrained in ((row["score"], False), (row["twin"], True))
        if estimate.known
    ]  # fmt: skip
    if len({row["budget"] for row in rows}) < 2:
        return None
    return Figure(
        name=f"budget_{key_of(target)[:8]}", kind="curve", title=f"Score over the label budget on {target}",
        rows=rows, x="budget", y="score", low="low", high="high", colour="model", x_title="labelled rows a class",
        y_title=metric, options={"log_x": True, "dashed": "untrained", "dashed_label": "untrained twin"},
        alt=f"{metric} against the label budget on {target}, untrained twins dashed.",
    )  # fmt: skip


def _time(candidates: Sequence[Candidate], target: str, metric: str, on_front: set[str]) -> Figure | None:
    mine = [c for c in candidates if c.performance.known and c.seconds.known]
    if len(mine) < 2:
        return None
    return Figure(
        name=f"time_{key_of(target)[:8]}", kind="scatter", title=f"Performance against time of adaptation on {target}",
        rows=[
            {
                "seconds": c.seconds.value, "performance": c.performance.value, "model": c.model,
                "low": c.performance.low, "high": c.performance.high, "front": c.model in on_front,
            }
            for c in mine
        ],
        x="seconds", y="performance", low="low", high="high", x_title="seconds of adaptation, features not counted",
        y_title=metric, options={"label": "model", "log_x": True},
        alt=f"{metric} against the time of adaptation on {target}.",
    )  # fmt: skip


def _weights(pool: Pool, target: str) -> Figure | None:
    if len(pool.indicators) < 2:
        return None
    return Figure(
        name=f"weights_{key_of(target)[:8]}", kind="weights", title=f"Who wins under your weights on {target}",
        rows=weight_rows(pool), y="model", options={"indicators": list(pool.indicators)},
        alt="Sliders for the weight of each indicator, and the winner.",
    )  # fmt: skip


def _profile(profile: Sequence[Row]) -> Figure | None:
    """Each model on each target, in points above the pool's mean there."""
    if len({row["target"] for row in profile}) < 2 or len({row["model"] for row in profile}) < 2:
        return None
    return Figure(
        name="profile", kind="heatmap", title="Each model on each target, above or below the mean of the models there",
        rows=[{"target": row["target"], "model": row["model"], "above": round(100 * row["above_pool"], 2)}
              for row in profile],
        x="target", y="model", colour="above", options={"scheme": "diverging"},
        alt="Points above the pool's mean, a row a model and a column a target.",
    )  # fmt: skip
