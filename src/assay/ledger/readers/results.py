"""Results of other tools as one long table: lm-evaluation-harness, MTEB, HELM, timm, or any table.

What a file or folder is follows from its contents. The long table has columns `model`, `task`, `score` and, where the
tool says, `metric`, `n`, `error`, `split`, `revision`, `harness_version` and others; `attrs["options"]` holds what the
sustainability lens must be told to read it, such as which column holds the standard errors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from assay.errors import DataError
from assay.ledger.readers import helm, lm_eval, mteb, timm_results
from assay.ledger.tables import read_table


def read_results(path: str | Path) -> pd.DataFrame:
    """The results in a file or folder, whoever wrote them.

    Args:
        path: A results JSON of lm-evaluation-harness or a folder of them, a results folder of MTEB, a table of HELM
            as JSON, a folder with timm's `results-*.csv`, or any table that `read_table` reads.

    Returns:
        A long table for a tool's results, or the table as it stands. `attrs["reader"]` names the tool.

    Raises:
        DataError: when nothing in the path is readable results, with what would have been.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path)
    if path.suffix == ".json" and path.is_file():
        document = _document(path)
        for reader in (lm_eval, mteb, helm):
            if reader.describes(document):
                return _finished(reader.read_document(document, path), reader.NAME, path)
    return read_table(path)


def _folder(path: Path) -> pd.DataFrame:
    if timm_results.files(path):
        return _finished(timm_results.read_folder(path), timm_results.NAME, path)
    parts: dict[str, list[pd.DataFrame]] = {}
    for file in sorted(path.rglob("*.json")):
        document = _document(file)
        for reader in (lm_eval, mteb):
            if reader.describes(document):
                parts.setdefault(reader.NAME, []).append(reader.read_document(document, file))
    if len(parts) > 1:
        raise DataError(f"{path} mixes results of {' and '.join(sorted(parts))}; give one of their folders")
    for name, frames in parts.items():
        return _finished(_joined(frames), name, path)
    raise DataError(
        f"{path} holds no results that can be read: neither a run folder, nor results of lm-evaluation-harness "
        "(results_*.json), MTEB (one JSON file a task) or timm (results-*.csv)"
    )


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    options: dict[str, Any] = {name: value for frame in frames for name, value in frame.attrs["options"].items()}
    columns = list(dict.fromkeys(name for frame in frames for name in frame.columns))
    whole = pd.DataFrame([row for frame in frames for row in frame.to_dict("records")], columns=columns)
    whole.attrs["options"] = options
    return whole


def _finished(frame: pd.DataFrame, name: str, path: Path) -> pd.DataFrame:
    if frame.empty:
        raise DataError(f"{path} looks like results of {name} but holds no score")
    frame.attrs = {"options": frame.attrs.get("options", {}), "reader": name, "source": str(path), "first_row": 1}
    return frame


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    except json.JSONDecodeError:
        return None
