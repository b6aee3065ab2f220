"""Ledger: trials as rows, leased to workers, committed once.

Promises:
- committing is idempotent on the trial's key, and only the worker that holds the lease may commit (fencing token);
- a lease ends by itself: at its time, or at once when its owner is a dead process of this machine;
- a failed trial is a row with its error; running again does not repeat what is ok.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Connection, and_, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from assay.canon import canonical
from assay.errors import StoreError
from assay.finding import plain
from assay.ledger.predictions import read_predictions, write_predictions
from assay.ledger.rows import TrialRow, read_row
from assay.ledger.schema import connect, prepare, records, trials
from assay.outcome import Outcome, Predictions
from assay.spec import TrialSpec

LEASE_SECONDS = 90.0


class Ledger:
    """The trials of one run folder."""

    def __init__(self, url: str, predictions: Path) -> None:
        self.url = url
        self._predictions = predictions
        self._engine = connect(url)
        prepare(self._engine, place=self._engine.url.render_as_string(hide_password=True))
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.3f}"

    def plan(self, specs: Sequence[tuple[TrialSpec, str, Mapping[str, Any]]], *, smoke: bool) -> None:
        """Add the trials that are not yet there; each comes with its role and further columns of its row."""
        rows = [_planned_row(spec, role, extra, i, smoke) for i, (spec, role, extra) in enumerate(specs)]
        with self._begin() as connection:
            known = set(connection.execute(select(trials.c.key)).scalars())
            fresh = [row for row in rows if row["key"] not in known]
            if fresh:
                connection.execute(trials.insert(), fresh)

    def lease(self, keys: Iterable[str], *, retry_failed: bool = False) -> dict[str, int]:
        """Take those of `keys` that are free; returns key → fencing token."""
        wanted, now = list(keys), time.time()
        free = ("planned", "failed") if retry_failed else ("planned",)
        with self._begin() as connection:
            rows = connection.execute(
                select(trials.c.key, trials.c.fence, trials.c.status, trials.c.owner, trials.c.lease_until).where(
                    trials.c.key.in_(wanted), or_(trials.c.status.in_(free), trials.c.status == "leased")
                )
            ).all()
            taken = {row.key: row.fence + 1 for row in rows if row.status in free or self._lapsed(row, now)}
            for key, fence in taken.items():
                connection.execute(
                    update(trials).where(trials.c.key == key).values(
                        status="leased", owner=self.owner, fence=fence, lease_until=now + LEASE_SECONDS
                    )
                )  # fmt: skip
        return taken

    def renew(self) -> None:
        """Prolong all leases of this worker."""
        with self._begin() as connection:
            connection.execute(
                update(trials).where(trials.c.owner == self.owner, trials.c.status == "leased").values(
                    lease_until=time.time() + LEASE_SECONDS
                )
            )  # fmt: skip

    def release(self) -> None:
        """Give back what this worker has leased and not finished."""
        with self._begin() as connection:
            connection.execute(
                update(trials).where(trials.c.owner == self.owner, trials.c.status == "leased").values(status="planned")
            )

    def commit(self, outcomes: Sequence[Outcome], fences: Mapping[str, int], *, environment: str,
               feature_seconds: float | None = None) -> int:  # fmt: skip
        """Write outcomes, predictions first; returns how many were accepted (a lapsed lease is refused quietly)."""
        for outcome in outcomes:
            if outcome.predictions:
                write_predictions(self._predictions / f"{outcome.key}.parquet", outcome.predictions)
        accepted = 0
        with self._begin() as connection:
            for outcome in outcomes:
                held = and_(
                    trials.c.key == outcome.key, trials.c.fence == fences[outcome.key], trials.c.status == "leased"
                )
                row = _outcome_row(outcome, environment, feature_seconds)
                accepted += connection.execute(update(trials).where(held).values(**row)).rowcount
        return accepted

    def statuses(self) -> dict[str, str]:
        """Trial key → status."""
        with self._engine.connect() as connection:
            return {row.key: row.status for row in connection.execute(select(trials.c.key, trials.c.status))}

    def rows(self) -> list[TrialRow]:
        """All trials, in the order in which they were planned."""
        with self._engine.connect() as connection:
            found = connection.execute(trials.select().order_by(trials.c.position, trials.c.key)).mappings().all()
        return [read_row(dict(record)) for record in found]

    def predictions(self, key: str) -> dict[str, Predictions]:
        """The per-item predictions of one trial, by part."""
        return read_predictions(self._predictions / f"{key}.parquet")

    def put(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        """Keep a small record (a model, a data set, an environment) under a key; the last word counts."""
        text = json.dumps(plain(value), sort_keys=True, allow_nan=False)
        with self._begin() as connection:
            here = and_(records.c.kind == kind, records.c.key == key)
            if connection.execute(update(records).where(here).values(value=text)).rowcount == 0:
                connection.execute(records.insert().values(kind=kind, key=key, value=text))

    def get(self, kind: str) -> dict[str, dict[str, Any]]:
        """All records of a kind, by key."""
        with self._engine.connect() as connection:
            rows = connection.execute(records.select().where(records.c.kind == kind)).all()
        return {row.key: json.loads(row.value) for row in rows}

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _begin(self) -> Any:
        return _Transaction(self._engine)

    def _lapsed(self, row: Any, now: float) -> bool:
        if row.owner == self.owner:
            return True
        return (row.lease_until or 0.0) < now or not _alive(row.owner or "")


class _Transaction:
    """A transaction whose database errors come out as StoreError."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._context: Any = None

    def __enter__(self) -> Connection:
        try:
            self._context = self._engine.begin()
            return self._context.__enter__()
        except SQLAlchemyError as error:
            raise _store_error(error) from error

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            self._context.__exit__(kind, error, trace)
        except SQLAlchemyError as failure:
            raise _store_error(failure) from failure
        if isinstance(error, SQLAlchemyError):
            raise _store_error(error) from error


def _store_error(error: SQLAlchemyError) -> StoreError:
    cause = getattr(error, "orig", None) or error
    if "full" in str(cause):
        return StoreError(f"the disk is full: the ledger could not be written ({cause}); the same command resumes")
    return StoreError(f"the ledger could not be used: {cause}")


def _alive(owner: str) -> bool:
    """Whether the owner may still be at work; an owner on another machine is believed until its lease ends."""
    host, _, rest = owner.partition(":")
    pid, _, born = rest.partition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return True
    try:
        return abs(psutil.Process(int(pid)).create_time() - float(born)) < 1.0
    except psutil.NoSuchProcess:
        return False


def _planned_row(spec: TrialSpec, role: str, extra: Mapping[str, Any], position: int, smoke: bool) -> dict[str, Any]:
    row = {
        "key": spec.key, "draw_key": spec.draw_key, "position": position,
        "model": spec.model.uri, "model_revision": spec.model.revision,
        "data": spec.train.data.uri, "data_revision": spec.train.data.revision,
        "method": spec.recipe.method, "params": json.dumps(canonical(spec.recipe.params), sort_keys=True),
        "role": role, "split": spec.train.split, "per_class": spec.train.per_class, "subtask": None,
        "draw": spec.draw, "seed": spec.seed, "smoke": int(smoke), "status": "planned", "fence": 0,
    }  # fmt: skip
    return row | dict(extra)


def _outcome_row(outcome: Outcome, environment: str, feature_seconds: float | None) -> dict[str, Any]:
    def dump(value: Any) -> str:
        return json.dumps(plain(value), sort_keys=True, allow_nan=False)

    cost = outcome.cost
    return {
        "status": outcome.status, "scores": dump(outcome.scores), "history": dump(list(outcome.history)),
        "predictions": outcome.key if outcome.predictions else None, "seconds": cost.seconds,
        "feature_seconds": feature_seconds, "peak_bytes": cost.peak_bytes, "flops": cost.flops,
        "joules": cost.joules, "device": cost.device, "error": outcome.error, "provenance": dump(outcome.provenance),
        "environment": environment, "finished": time.time(), "owner": None, "lease_until": None,
    }  # fmt: skip
