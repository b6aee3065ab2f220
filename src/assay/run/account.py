"""Where the time of `rank` and `select` went, and what part that is of running every model on every row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay.estimate import Estimate
from assay.finding import Assessment
from assay.run.contenders import Contender
from assay.run.sample import Sample


def with_cost(judged: Assessment, contenders: Sequence[Contender], sample: Sample) -> tuple[Estimate, ...]:
    """The headline numbers with `cost_fraction`: seconds spent over those of every model on every row."""
    ran = [c for c in contenders if not c.error and c.computed]
    full = sum(c.load_seconds + c.seconds_per_item * len(sample.order) for c in ran)
    if full > 0 and len(ran) == sum(not c.error for c in contenders):
        value = Estimate(
            name="cost_fraction", value=sum(c.seconds for c in contenders) / full, unit="fraction", n=len(ran),
            method="seconds spent, over seconds a row times all rows for every model", population="these models",
        )  # fmt: skip
    else:
        why = "features were stored already, so that what they cost is not known here"
        value = Estimate.unknown("cost_fraction", why, unit="fraction")
    return tuple(value if estimate.name == "cost_fraction" else estimate for estimate in judged.estimates)


def account(contender: Contender) -> dict[str, Any]:
    """One row of the cost ledger."""
    return {
        "model": contender.name, "load_seconds": contender.load_seconds, "feature_seconds": contender.feature_seconds,
        "score_seconds": contender.score_seconds, "items": contender.computed, "error": contender.error or None,
    }  # fmt: skip


def first_error(contenders: Sequence[Contender]) -> str:
    """The end of a sentence that names the first model that failed; empty where none did."""
    errors = [f"{c.name}: {c.error}" for c in contenders if c.error]
    return f"; the first error: {errors[0]}" if errors else ""
