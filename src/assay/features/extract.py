"""Each model sees each item once: what is stored is read, what is missing is computed and stored.

    rows → items' keys → missing ones → batches, written down → read ahead ║ compute → shards

A process that is killed loses at most the shard it was about to write; the same call again computes the rest, in the
same batches and with the same engine, and the features equal those of an undisturbed run bit for bit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.canon import key_of
from assay.contracts import Batch, Model
from assay.dataset import Dataset
from assay.errors import NonFiniteError, NothingToAssessError, ShapeError, StoreError, UsageError
from assay.features.batches import Work, group, plan
from assay.features.choice import Choice, Request, features_key, model_key, versions_of
from assay.features.halving import Halving
from assay.features.measure import Run, choose, prepare
from assay.features.pipeline import stream
from assay.features.stored import Entry, FeatureSet, Keys, Shelf, Store, item_keys

LOG = logging.getLogger("assay.features")
Progress = Callable[[int, int, float | None], None]
SHARD_BYTES = 16 * 2**20
SHARD_SECONDS = 30.0


def extract(
    model: Model, dataset: Dataset, rows: NDArray[np.int_], *, store: Store, engine: str = "auto",
    precision: str = "float32", batch_size: int | Literal["auto"] = "auto", device: str | None = "auto",
    progress: Progress | None = None,
) -> FeatureSet:  # fmt: skip
    """Features of some rows of a data set, from the store where they are there and from the model where not.

    Args:
        model: The loaded model.
        dataset: The items.
        rows: (n,) row positions; a row may occur more than once.
        store: Where features are kept: an `assay.store.features.FeatureStore`.
        engine: A name of `assay.builtin.ENGINES`; `auto` measures those that apply and takes the fastest that gives
            the features of eager float32 within 1e-4, relative. What was chosen first is kept for the same call.
        precision: `float32`, or `bfloat16`, which is faster where the hardware has it and changes features; by how
            much is measured and stands in the choice.
        batch_size: Items in a batch; `auto` fits the device. Halved by itself when memory runs out.
        device: `cpu`, `cuda`, `cuda:1`; `auto` and None take CUDA where there is one.
        progress: Called with items done, items in all, and items a second (None before the first batch).

    Returns:
        The features as they lie on disk, in the order of `rows`.

    Raises:
        NonFiniteError: the model gives NaN or infinity; the message names the items.
        OutOfMemoryError: a single item does not fit.
        DataError: an item cannot be read.
        StoreError: the disk is full, or the store is of a newer version; what was finished is kept.
        UsageError: the engine cannot run this model, or a row is out of range.

    Example:
        >>> from assay.store.features import FeatureStore
        >>> from assay.testing.data import fake_dataset
        >>> from assay.testing.models import FakeModel
        >>> import numpy as np, tempfile
        >>> data = fake_dataset()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = extract(FakeModel(), data, np.arange(4), store=FeatureStore(folder))
        ...     found.x().shape
        (4, 8)
    """
    rows = _checked_rows(rows, dataset)
    request = Request(engine=engine, precision=precision, batch_size=batch_size, device=device)
    every = item_keys(dataset.digests)
    keys = every[rows]
    unique = rows[np.sort(np.unique(keys, return_index=True)[1])]
    info, start = model.info, time.perf_counter()
    with store.shelf(model_key(model), _about(model)) as shelf:
        choice, run = _settle(shelf, model, dataset, unique, request)
        entry = shelf.entry(features_key(model, choice), choice.to_dict())
        missing = unique[~entry.has(every[unique])]
        if len(missing):
            job = _Job(
                model=model, dataset=dataset, shelf=shelf, request=request, choice=choice, entry=entry,
                progress=progress, total=len(unique),
            )  # fmt: skip
            job.compute(plan(entry, dataset, every, missing, choice.batch_size), run)
            choice = job.choice
    return FeatureSet(
        ids=dataset.ids[rows], key=key_of([entry.owner, keys]), width=info.width,
        layer=info.layer, pooling=info.pooling, choice=choice.to_dict(), computed=len(missing),
        seconds=time.perf_counter() - start if len(missing) else 0.0, entry=entry, keys=keys,
    )  # fmt: skip


def sample_rows(dataset: Dataset, rows: NDArray[np.int_], size: int, count: int) -> list[NDArray[np.int_]]:
    """Rows of a few batches of the size that will be used, spread evenly over all rows."""
    at = np.linspace(0, len(rows) - 1, min(len(rows), count * size)).round().astype(int)
    return group(dataset, rows[at], size)


def read_batch(model: Model, dataset: Dataset, rows: NDArray[np.int_]) -> Batch:
    """Rows → the batch that the model reads."""
    return model.collate(dataset.load(rows))


def _settle(
    shelf: Shelf, model: Model, dataset: Dataset, rows: NDArray[np.int_], request: Request
) -> tuple[Choice, Run | None]:  # fmt: skip
    """The choice made before for this request; else a new one, written down before anything is computed with it."""
    known = shelf.choice(request.key)
    if known is not None:
        return Choice.from_dict(known), None
    size = request.resolved_batch(model)
    wanted = (request.engine, request.precision, size, request.resolved_device(model))
    same = [other for other in map(Choice.from_dict, shelf.choices()) if other.identity == wanted]
    if same:
        shelf.remember(request.key, same[0].to_dict())
        return same[0], None

    def sample(count: int) -> list[Batch]:
        return [read_batch(model, dataset, some) for some in sample_rows(dataset, rows, size, count)]

    choice, run = choose(model, sample, len(rows), request)
    shelf.remember(request.key, choice.to_dict())
    return choice, run


@dataclass(kw_only=True)
class _Job:
    """The computation of what is missing: from batches to shards."""

    model: Model
    dataset: Dataset
    shelf: Shelf
    request: Request
    choice: Choice
    entry: Entry
    progress: Progress | None
    total: int
    keys: list[Keys] = field(default_factory=list[Keys])
    parts: list[NDArray[np.float32]] = field(default_factory=list[NDArray[np.float32]])
    written_at: float = 0.0

    def compute(self, work: Sequence[Work], run: Run | None) -> None:
        """Run all batches; what is finished when something fails is stored first."""
        todo = sum(len(piece.keys) for piece in work)
        self.entry.require_room(todo * (4 * self.model.info.width + 32))
        before, done = self.total - todo, 0
        self._show(before, None)
        ready: Run = run or self._prepare(work[0])
        limit = self.choice.forward_rows or self.choice.batch_size
        halving = Halving(ready, limit=limit, told=self._shrunk)
        start, self.written_at = time.perf_counter(), time.monotonic()
        try:
            with closing(stream(work, self._read, halving, lanes=getattr(ready, "lanes", 1))) as results:
                for piece, x in results:
                    self._take(piece, x)
                    done += len(x)
                    self._show(before + done, done / (time.perf_counter() - start))
        except StoreError:
            raise
        except BaseException:
            self._write()
            raise
        self._write()

    def _prepare(self, first: Work) -> Run:
        """What was chosen before, prepared again; other versions of its packages are told, since last bits may move."""
        made, now = self.choice, versions_of(self.choice.engine)
        if dict(made.versions) != now:
            LOG.warning("features of %s were begun with %s, and go on with %s", self.model.ref.uri, made.versions, now)
        return prepare(
            made.engine, self.model, self._read(first), rows=made.batch_size, precision=made.precision,
            device=made.device,
        )  # fmt: skip

    def _read(self, piece: Work) -> Batch:
        return read_batch(self.model, self.dataset, piece.positions)

    def _take(self, piece: Work, x: NDArray[np.float32]) -> None:
        width = self.model.info.width
        if x.shape != (len(piece.keys), width):
            raise ShapeError(f"{self.model.ref.uri} gave {x.shape} where ({len(piece.keys)}, {width}) is declared")
        bad = ~np.isfinite(x).all(axis=1)
        if bad.any():
            raise NonFiniteError(_non_finite(self.model, self.dataset.ids[piece.positions[bad]]))
        self.keys.append(piece.keys)
        self.parts.append(x)
        size = sum(part.nbytes for part in self.parts)
        if size >= SHARD_BYTES or time.monotonic() - self.written_at >= SHARD_SECONDS:
            self._write()

    def _write(self) -> None:
        if self.parts:
            self.entry.add(np.concatenate(self.keys), np.concatenate(self.parts))
        self.keys, self.parts, self.written_at = [], [], time.monotonic()

    def _shrunk(self, limit: int) -> None:
        self.choice = replace(self.choice, forward_rows=limit)
        self.shelf.remember(self.request.key, self.choice.to_dict())

    def _show(self, done: int, rate: float | None) -> None:
        if self.progress is not None:
            self.progress(done, self.total, rate)


def _checked_rows(rows: NDArray[np.int_], dataset: Dataset) -> NDArray[np.int_]:
    rows = np.asarray(rows)
    if rows.ndim != 1 or not (np.issubdtype(rows.dtype, np.integer) or not len(rows)):
        raise ShapeError(f"rows are one-dimensional whole numbers; got {rows.dtype} of shape {rows.shape}")
    if not len(rows):
        raise NothingToAssessError(f"{dataset.ref.uri}: no rows to compute features for")
    if rows.min() < 0 or rows.max() >= len(dataset):
        raise UsageError(f"{dataset.ref.uri} has rows 0 to {len(dataset) - 1}; asked for {rows.min()} to {rows.max()}")
    return rows.astype(np.int_)


def _about(model: Model) -> dict[str, Any]:
    return {
        "model": model.ref.uri, "revision": model.ref.revision, "layer": model.info.layer,
        "pooling": model.info.pooling, "width": model.info.width,
    }  # fmt: skip


def _non_finite(model: Model, ids: NDArray[np.str_]) -> str:
    shown = ", ".join(str(name) for name in ids[:5])
    more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    return f"{model.ref.uri} gave NaN or infinity for {shown}{more}"
