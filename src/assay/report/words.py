"""Numbers and names as people read them; the same words in tables, pictures and tooltips."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assay.estimate import Estimate, show_number

_ACRONYMS = {
    "auroc": "AUROC", "auc": "AUC", "ci": "CI", "cpu": "CPU", "csv": "CSV", "ece": "ECE", "f1": "F1", "flops": "FLOPs",
    "gpu": "GPU", "id": "ID", "iqm": "IQM", "knn": "kNN", "mae": "MAE", "mcc": "MCC", "n": "n", "p": "P", "r2": "R²",
    "rmse": "RMSE", "sd": "SD", "url": "URL",
}  # fmt: skip
_LARGE = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MEASURED = ("", "fraction", "points", "percent", "%", "seconds")
_COUNTED = ("bytes", "flops", "params", "parameters", "macs")


def heading(name: str) -> str:
    """A column's or a table's name as a heading: `macro_f1` becomes `Macro F1`; a name of another kind stays."""
    if not re.fullmatch(r"[A-Za-z0-9_ ]*", name):
        return name[:1].upper() + name[1:]
    words = [_ACRONYMS.get(word.lower(), word) for word in name.replace("_", " ").split()]
    text = " ".join(words)
    return text[:1].upper() + text[1:] if words and words[0] not in ("n", "kNN") else text


def counted(column: str) -> bool:
    """Whether a column holds large counts that are read with a prefix: bytes, parameters, FLOPs."""
    return column.lower().endswith(_COUNTED)


def show_count(value: float, column: str) -> str:
    """A large count with a decimal prefix: `4.65 M`, and `19.5 MB` for bytes."""
    unit = "B" if column.lower().endswith("bytes") else ""
    for size, prefix in _LARGE:
        if abs(value) >= size:
            return f"{_three_digits(value / size)} {prefix}{unit}"
    return f"{value:.0f} {unit}".strip()


def show(value: Any, column: str = "") -> str:
    """Any value of a row, for people."""
    if isinstance(value, Estimate):
        return show_estimate(value, column)
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return show_any_number(value, column)
    if isinstance(value, Mapping):
        return _enumerate([f"{key} {show(item)}" for key, item in value.items()])
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _enumerate([show(item) for item in value])
    return str(value)


def show_any_number(value: float, column: str = "") -> str:
    """A number in its column: whole numbers whole, large counts with a prefix, the rest to about three digits."""
    if counted(column) and abs(value) >= 1000:
        return show_count(value, column)
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return show_number(value).replace("-", "−")


def show_parts(estimate: Estimate, column: str = "") -> tuple[str, str, str]:
    """Value, lower and upper end; an unknown value is empty, an open end infinite, and a count of things whole."""
    exact = (estimate.value, estimate.low, estimate.high)
    counts = estimate.unit not in _MEASURED and all(number is None or number.is_integer() for number in exact)
    shown = (None if number is None else show_any_number(int(number) if counts else number, column) for number in exact)
    value, low, high = shown
    return value or "", low or "−∞", high or "∞"


def show_estimate(estimate: Estimate, column: str = "") -> str:
    """Value, interval and unit; or unknown, and why."""
    if estimate.value is None:
        return f"unknown: {estimate.reason}"
    value, low, high = show_parts(estimate, column)
    interval = "" if estimate.low is None and estimate.high is None else f"[{low}, {high}]"
    return " ".join(part for part in (value, interval, show_unit(estimate.unit)) if part)


def show_unit(unit: str) -> str:
    """The unit as it is printed; a fraction is a plain number."""
    return "" if unit == "fraction" else unit


def writable(text: str) -> str:
    """`text` as UTF-8 can hold it: half a surrogate pair, as undecodable file names have, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def drawable(value: Any) -> Any:
    """A specification whose strings hold only what XML allows; others would end the process that draws the picture."""
    if isinstance(value, str):
        return _NOT_XML.sub("\ufffd", value)
    if isinstance(value, dict):
        return {drawable(key): drawable(item) for key, item in value.items()}
    return [drawable(item) for item in value] if isinstance(value, list) else value


def shorten(text: str, limit: int) -> str:
    """`text` with its middle left out when longer than `limit`, since names differ at both ends."""
    if len(text) <= limit:
        return text
    head = math.ceil((limit - 1) * 0.6)
    return f"{text[:head]}…{text[-(limit - 1 - head) :]}"


def _enumerate(items: Sequence[str], limit: int = 12) -> str:
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"


def _three_digits(value: float) -> str:
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.{digits}f}".replace("-", "−")
