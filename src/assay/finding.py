"""Finding and Assessment: what a lens concludes, and from which rows.

A lens computes; it draws nothing. A `Figure` holds the data of a picture and the kind of picture it is; the report
draws it. Rows of tables and figures are plain dictionaries whose values are str, int, float, bool, None, lists and
dictionaries of these, or Estimate.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from assay.errors import DataError
from assay.estimate import Estimate

Row = Mapping[str, Any]
Verdict = Literal["yes", "no", "undetermined"]
Lens = Literal["selection", "reusability", "configurability", "durability", "sustainability"]
FigureKind = Literal[
    "intervals", "scatter", "curve", "bars", "waterfall", "heatmap", "parallel", "histogram", "weights"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One claim of a lens, with the numbers it rests on."""

    lens: Lens
    """The lens that makes the claim."""
    claim: str
    """The claim as a sentence a person reads."""
    subjects: tuple[str, ...] = ()
    """The models, parameters, tasks or windows it is about."""
    estimates: tuple[Estimate, ...] = ()
    """The numbers behind it."""
    verdict: Verdict = "undetermined"
    """Whether the data carry the claim."""
    margin: float | None = None
    """How far the claim is from turning, in the unit of its first estimate; None when that has no meaning."""
    evidence: str = ""
    """Which rows it rests on."""
    method: str = ""
    """The test or estimator, with its level."""
    caveats: tuple[str, ...] = ()
    """What would make it wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The data of one picture, computed before anything is drawn."""

    name: str
    """Short identifier, unique in the assessment."""
    kind: FigureKind
    """Which drawing the report uses; see `assay.report.figures` for what each reads."""
    title: str
    """What the picture shows, as a sentence."""
    rows: Sequence[Row]
    """The data, one mark a row."""
    x: str = "x"
    """The column drawn along the horizontal axis."""
    y: str = "y"
    """The column drawn along the vertical axis."""
    low: str | None = None
    """The column with the lower end of an interval."""
    high: str | None = None
    """The column with the upper end of an interval."""
    colour: str | None = None
    """The column that colours the marks."""
    x_title: str = ""
    """The title of the horizontal axis, with its unit."""
    y_title: str = ""
    """The title of the vertical axis, with its unit."""
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Further options of the kind: `log_x`, `rule`, `panel`."""
    alt: str = ""
    """What the picture says, for readers who cannot see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """All that a lens says about one question; the unit of JSON, report and notebook."""

    lens: str
    """The lens or command: `selection`, `durability`, `rank`."""
    question: str
    """The question that was asked, as a sentence."""
    verdict: str
    """The answer in a sentence or two, honest about ties and unknowns."""
    findings: tuple[Finding, ...] = ()
    """The claims."""
    estimates: tuple[Estimate, ...] = ()
    """The headline numbers, named."""
    tables: Mapping[str, Sequence[Row]] = field(default_factory=dict[str, Sequence[Row]])
    """Tables by name; one dictionary a row."""
    figures: tuple[Figure, ...] = ()
    """The pictures, as data."""
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What went in: `digest`, `rows`, `source`, options that change the answer."""
    caveats: tuple[str, ...] = ()
    """What the reader must know before believing it."""
    cost: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the answer cost: `seconds` and what else was measured."""

    def estimate(self, name: str) -> Estimate:
        """The headline estimate of that name; KeyError when there is none."""
        for estimate in self.estimates:
            if estimate.name == name:
                return estimate
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """The published JSON document (schema `assay/<lens>/1`) as plain Python values."""
        return {
            "schema": f"assay/{self.lens}/1",
            "question": self.question,
            "verdict": self.verdict,
            "findings": [plain(_fields(finding)) for finding in self.findings],
            "estimates": [estimate.to_dict() for estimate in self.estimates],
            "tables": {name: [plain(row) for row in rows] for name, rows in self.tables.items()},
            "inputs": plain(self.inputs),
            "caveats": list(self.caveats),
            "cost": plain(self.cost),
            "figures": [plain(_fields(figure)) for figure in self.figures],
        }

    def to_json(self) -> str:
        """One JSON document; it never holds NaN or infinity."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=2)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Assessment:
        """The assessment that `to_dict` wrote.

        Raises:
            DataError: when the document is none of ours, or of another version of the schema.
        """
        schema = re.fullmatch(r"assay/([\w-]+)/1", str(document.get("schema", "")))
        if schema is None:
            raise DataError(
                f"not an assessment: its schema is {document.get('schema')!r}, and assay/<lens>/1 can be read"
            )
        try:
            read = {key: _revived(document[key]) for key in ("estimates", "tables", "inputs", "caveats", "cost")}
            findings = tuple(Finding(**_tuples(_revived(finding))) for finding in document["findings"])
            figures = tuple(Figure(**_revived(figure)) for figure in document.get("figures", ()))
            words = {"lens": schema[1], "question": document["question"], "verdict": document["verdict"]}
        except (KeyError, TypeError) as error:
            raise DataError(f"a damaged assessment of {schema[1]}: {type(error).__name__}: {error}") from error
        return cls(**words, findings=findings, figures=figures, **_tuples(read))

    def _repr_html_(self) -> str:
        """The assessment as a notebook shows it; the report draws it, and is loaded by name since it lies above."""
        return importlib.import_module("assay.report.notebook").notebook_html(self)


def plain(value: Any) -> Any:
    """`value` with estimates, NumPy scalars, tuples and mappings turned into what JSON knows; NaN becomes None."""
    if isinstance(value, Estimate):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    return str(value)


def _fields(value: Finding | Figure) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


_ESTIMATE_FIELDS = {field.name for field in dataclasses.fields(Estimate)}


def _revived(value: Any) -> Any:
    """What `plain` wrote, with every record of an estimate an Estimate again."""
    if isinstance(value, Mapping):
        if set(value) == _ESTIMATE_FIELDS:
            return Estimate.from_dict(dict(value))
        return {key: _revived(item) for key, item in value.items()}
    return [_revived(item) for item in value] if isinstance(value, list) else value


def _tuples(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(item) if isinstance(item, list) else item for key, item in record.items()}
