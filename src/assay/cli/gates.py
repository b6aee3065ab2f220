"""Gates: `--fail-if 'drop > 3 points'` is judged against the named estimates of an assessment."""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence

from assay.errors import GateError, UnknownNameError, UsageError
from assay.estimate import Estimate
from assay.finding import Assessment

_GATE = re.compile(
    r"^\s*(?P<name>[\w.\- ]+?)\s*(?P<sign><=|>=|<|>)\s*(?P<number>-?[\d.]+(?:e-?\d+)?)\s*(?P<unit>\w+|%)?\s*$"
)
_SIGNS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_PER_FRACTION = {"points": 100.0, "point": 100.0, "%": 100.0, "percent": 100.0, "fraction": 1.0}


def judge(assessment: Assessment, gates: Sequence[str]) -> None:
    """Raise GateError naming every gate that holds or cannot be judged; an unknown never passes a gate."""
    estimates = {estimate.name: estimate for estimate in assessment.estimates}
    failures = [failure for gate in gates if (failure := _failure(gate, estimates))]
    if failures:
        raise GateError("; ".join(failures))


def _failure(gate: str, estimates: dict[str, Estimate]) -> str | None:
    match = _GATE.match(gate)
    if match is None:
        raise UsageError(
            f"a gate is NAME < NUMBER [UNIT] with one of < <= > >=, such as 'drop > 3 points'; got {gate!r}"
        )
    name = match["name"].strip().replace(" ", "_").replace("-", "_")
    if name not in estimates:
        raise UnknownNameError("estimate", name, estimates, where=f"--fail-if {gate!r}")
    estimate = estimates[name]
    if estimate.value is None:
        return f"--fail-if {gate!r} cannot be judged: {name} is unknown ({estimate.reason})"
    limit = float(match["number"]) * _factor(match["unit"], estimate, gate)
    if _SIGNS[match["sign"]](estimate.value, limit):
        return f"--fail-if {gate!r} holds: {name} is {estimate}"
    return None


def _factor(unit: str | None, estimate: Estimate, gate: str) -> float:
    """What turns a number in the gate's unit into the estimate's unit."""
    if unit is None or unit == estimate.unit:
        return 1.0
    if unit in _PER_FRACTION and estimate.unit in (*_PER_FRACTION, ""):
        return _PER_FRACTION.get(estimate.unit, 1.0) / _PER_FRACTION[unit]
    raise UsageError(f"--fail-if {gate!r}: the unit of {estimate.name} is {estimate.unit or 'none'}, not {unit}")
