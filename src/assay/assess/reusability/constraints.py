"""Constraints come first: "under 20 ms, under 50 M parameters, at most 5 minutes of tuning"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from assay.assess.reusability.records import INDICATORS, MORE_IS_BETTER, Candidate
from assay.errors import UnknownNameError, UsageError

_UNITS = {
    "": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0,
    "kb": 1e3, "mb": 1e6, "gb": 1e9, "%": 0.01,
}  # fmt: skip
_NAMES = {"tuning": "adaptation_seconds", "seconds": "adaptation_seconds", "latency": "latency_ms",
          "milliseconds": "latency_ms", "size": "size_bytes", "memory": "peak_bytes"}  # fmt: skip
_FORM = re.compile(r"\s*([a-z_]+)\s*(<=|>=|=|<|>)\s*([0-9.eE+-]+)\s*([a-zA-Z%]*)\s*")


def parse_limits(texts: Sequence[str]) -> dict[str, float]:
    """Indicator → limit, from texts such as `latency<20ms`, `parameters<50M`, `tuning<5min`, `performance>0.9`.

    Raises:
        UsageError: for a text of another form, an unknown unit, or a sign that points the wrong way.
        UnknownNameError: for an indicator that does not exist.
    """
    found: dict[str, float] = {}
    for text in texts:
        match = _FORM.fullmatch(text)
        try:
            name, sign, number, unit = match.groups() if match else ("", "", "", "")
            value = float(number) * _UNITS[unit.lower()]
        except (ValueError, KeyError):
            raise UsageError(
                f"a limit is a name, a sign and a number, such as latency<20ms, parameters<50M, tuning<5min or "
                f"performance>0.9; got {text!r}"
            ) from None
        name = known_name(name)
        if sign[0] == ("<" if name in MORE_IS_BETTER else ">"):
            raise UsageError(f"{name}: more of it is {'better' if name in MORE_IS_BETTER else 'worse'}, so the limit "
                             f"is written with {'>' if name in MORE_IS_BETTER else '<'}; got {text!r}")  # fmt: skip
        found[name] = value * 1000.0 if name == "latency_ms" and unit.lower() in ("ms", "s") else value
    return found


def known_name(name: str) -> str:
    """The indicator that a user's word stands for.

    Raises:
        UnknownNameError: when there is none.
    """
    name = _NAMES.get(name, name)
    if name not in INDICATORS:
        raise UnknownNameError("constraint", name, [*INDICATORS, *_NAMES])
    return name


def broken(candidate: Candidate, limits: Mapping[str, float]) -> list[str]:
    """The constraints that a candidate breaks, in words; empty when it meets them all.

    Args:
        candidate: The model on its target.
        limits: Indicator → largest value; for performance and throughput the smallest.

    Raises:
        UnknownNameError: for a constraint that does not exist.
    """
    found: list[str] = []
    for given, limit in limits.items():
        name = known_name(given)
        estimate, more = candidate.indicator(name), name in MORE_IS_BETTER
        words = name.replace("_", " ")
        if estimate is None or estimate.value is None:
            found.append(f"{words} is not known")
        elif (estimate.value < limit) if more else (estimate.value > limit):
            found.append(f"{words} {estimate.value:,.4g} {'below' if more else 'above'} {limit:,.4g}")
    return found
