"""Every stored file of a run, read and compared with its checksum."""

from __future__ import annotations

from typing import Any

from assay.errors import AssayError
from assay.ledger import RunFolder


def verify_run(folder: RunFolder) -> list[dict[str, Any]]:
    """One row a kind of file: how many, how many are damaged, and what to do about it."""
    damaged: list[str] = []
    keys = [row.key for row in folder.ledger.rows() if row.predictions is not None]
    for key in keys:
        try:
            folder.ledger.predictions(key)
        except AssayError as error:
            damaged.append(str(error))
    rows = [_row("ledger", 1, []), _row("predictions", len(keys), damaged)]
    store = folder.feature_store()
    if store.root.exists():
        report = store.verify()
        rows.append(_row("features", report.checked, [str(item) for item in report.damaged]))
    return rows


def _row(kind: str, files: int, damaged: list[str]) -> dict[str, Any]:
    return {
        "kind": kind, "files": files, "damaged": len(damaged), "state": "damaged" if damaged else "ok",
        "first": damaged[0] if damaged else None,
    }  # fmt: skip
