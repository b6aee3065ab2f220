"""One part of the assessment: what it adds to the tables, the findings, the headline numbers and the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.assess.sustainability.results import STANDARD
from assay.estimate import Estimate, show_number
from assay.finding import Figure, Finding, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the assessment."""

    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict[str, Sequence[Row]])
    findings: tuple[Finding, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    figures: tuple[Figure, ...] = ()
    caveats: tuple[str, ...] = ()


def finding(claim: str, **fields: Any) -> Finding:
    """A finding of this lens."""
    return Finding(lens="sustainability", claim=claim, **fields)


def amount(value: float, unit: str) -> str:
    """A difference of scores for people: `1.3 points`, `0.02`, `0.4 standard deviations`."""
    return f"{show_number(value)} {unit}" if unit in ("points", STANDARD) else show_number(value)


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names for a sentence: `a, b and c`, or `a, b, c, d and 9 more`."""
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else "none"


def counted(n: int, word: str) -> str:
    """`1 task`, `3 tasks`."""
    return f"{n:,} {word}{'' if n == 1 else 's'}"
