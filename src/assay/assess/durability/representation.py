"""What the causes see of each row: what the model said, and its features in a few columns.

The columns serve two purposes at once: they tell source and window apart, and they carry what the score depends on.
So the model's own confidence is always among them. Features are reduced to principal components, and soft membership in
clusters is added, since rows often come and go by the cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from assay.assess.durability.reading.log import PredictionLog
from assay.assess.durability.reading.outputs import Outputs

Floats = NDArray[np.float64]
View = Literal["predictions", "features", "both"]

COMPONENTS = 16
CLUSTERS = 12
_LEARN_FROM = 20_000
_MOST_LEVELS = 20
_ROWS_PER_COLUMN = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """Columns of n rows on a common scale."""

    predictions: Floats
    """(n, a) from the model's outputs."""
    features: Floats | None
    """(n, b) principal components and memberships in clusters; None without features."""
    cluster: NDArray[np.int_] | None
    """(n,) the nearest cluster."""
    encoded: Floats | None
    """(n, d) all features as numbers, standardised."""
    names: tuple[str, ...] = ()
    """(d) their names."""

    def columns(self, source: NDArray[np.int_], window: NDArray[np.int_], view: View = "both") -> tuple[Floats, Floats]:
        """Columns of some rows of source and window, the first constant, no more than their number allows."""
        wanted = [self.predictions if view != "features" else None, self.features if view != "predictions" else None]
        x = np.concatenate([part for part in wanted if part is not None], axis=1)
        most = max(1, min(len(source), len(window)) // _ROWS_PER_COLUMN)
        x0, x1 = x[source][:, :most], x[window][:, :most]
        pooled = np.concatenate([x0, x1])
        mean, spread = pooled.mean(axis=0), pooled.std(axis=0)
        keep = spread > 1e-9
        scaled = [(part[:, keep] - mean[keep]) / spread[keep] for part in (x0, x1)]
        return (np.column_stack([np.ones(len(x0)), scaled[0]]), np.column_stack([np.ones(len(x1)), scaled[1]]))

    def scaled_on(self, source: NDArray[np.int_]) -> Floats:
        """(n, d) all columns of all rows, the first constant, scaled on the source; as many as its rows allow."""
        x = self.predictions if self.features is None else np.concatenate([self.predictions, self.features], axis=1)
        x = x[:, : max(1, len(source) // _ROWS_PER_COLUMN)]
        mean, spread = x[source].mean(axis=0), x[source].std(axis=0)
        keep = spread > 1e-9
        return np.column_stack([np.ones(len(x)), (x[:, keep] - mean[keep]) / spread[keep]])


def represent(log: PredictionLog, rows: NDArray[np.int_], *, rng: np.random.Generator) -> Representation:
    """The columns of a log.

    Args:
        log: the log.
        rows: rows of source and stream, from which components and clusters are learned (20,000 at most).
        rng: for that draw, and to start the clusters.

    Returns:
        The representation of all rows.
    """
    predictions = _from_outputs(log.outputs)
    if log.features is None or log.features.shape[1] == 0:
        return Representation(predictions=predictions, features=None, cluster=None, encoded=None)
    learn = rows if len(rows) <= _LEARN_FROM else rng.choice(rows, _LEARN_FROM, replace=False)
    encoded, names = encode(log.features, learn)
    reduced = _components(encoded, learn)
    membership, cluster = _clusters(reduced, learn, rng)
    return Representation(
        predictions=predictions, features=np.column_stack([reduced, membership]), cluster=cluster, encoded=encoded,
        names=names,
    )  # fmt: skip


def encode(features: Any, learn: NDArray[np.int_]) -> tuple[Floats, tuple[str, ...]]:
    """A table of features as standardised numbers; categories become one column a level, the 20 commonest.

    Args:
        features: (n, k) a data frame.
        learn: rows that give means, spreads and levels.

    Returns:
        (n, d) columns and their names; missing numbers take the mean and are marked by a column of their own.
    """
    columns: list[Floats] = []
    names: list[str] = []
    for name in features.columns:
        column = features[name]
        if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
            values = column.to_numpy(dtype=float, na_value=np.nan)
            missing = ~np.isfinite(values)
            if missing.any():
                known = values[learn][~missing[learn]]
                values = np.where(missing, known.mean() if len(known) else 0.0, values)
                columns.append(missing.astype(float))
                names.append(f"{name} is missing")
            columns.append(values)
            names.append(str(name))
            continue
        texts = column.astype("string").fillna("missing")
        for level in texts.iloc[learn].value_counts().index[:_MOST_LEVELS]:
            columns.append((texts == level).to_numpy(dtype=float))
            names.append(f"{name} = {level}")
    x = np.column_stack(columns).astype(np.float32)
    mean, spread = x[learn].mean(axis=0), x[learn].std(axis=0)
    keep = spread > 1e-9
    return (x[:, keep] - mean[keep]) / spread[keep], tuple(n for n, k in zip(names, keep, strict=True) if k)


def _from_outputs(outputs: Outputs) -> Floats:
    if outputs.regression:
        value = (outputs.label - outputs.label.mean()) / max(float(outputs.label.std()), 1e-9)
        return np.column_stack([value, value**2])
    said = np.column_stack([outputs.label == code for code in _commonest(outputs.label, 10)]).astype(float)
    if outputs.score is None:
        return said
    confidence = outputs.score.max(axis=1)
    clipped = np.clip(outputs.score, 1e-4, 1 - 1e-4)
    logits = np.log(clipped / (1 - clipped))
    top = np.clip(confidence, 1e-4, 1 - 1e-4)
    columns = [np.log(top / (1 - top)), confidence, confidence**2]
    if outputs.score.shape[1] == 2:
        columns += [logits[:, 1], outputs.score[:, 1]]
    else:
        columns += [logits[:, code] for code in _commonest(outputs.label, 10)]
    return np.column_stack([*columns, said])


def _commonest(codes: NDArray[Any], most: int) -> list[int]:
    values, counts = np.unique(codes, return_counts=True)
    return [int(v) for v in values[np.argsort(-counts, kind="stable")][:most]]


def _components(x: Floats, learn: NDArray[np.int_]) -> Floats:
    """The leading principal components, all columns when they are few."""
    if x.shape[1] <= COMPONENTS:
        return x.astype(float)
    _, vectors = np.linalg.eigh(np.cov(x[learn].T.astype(float)))
    return x @ vectors[:, ::-1][:, :COMPONENTS]


def _clusters(x: Floats, learn: NDArray[np.int_], rng: np.random.Generator) -> tuple[Floats, NDArray[np.int_]]:
    """Soft memberships (all but one) and the nearest of up to twelve clusters, by k-means on half the learning rows.

    A membership is the chance of the cluster if clusters were equal round normals: odds between mixtures of them are
    linear in it, or nearly so, and the odds model then misses little of a change in their shares.
    """
    from sklearn.cluster import KMeans

    sample = learn[: max(len(learn) // 2, min(len(learn), 2000))]
    count = max(1, min(CLUSTERS, len(sample) // 50))
    if count == 1:
        return np.zeros((len(x), 0)), np.zeros(len(x), dtype=int)
    start: Any = 1
    seed = int(rng.integers(2**31 - 1))
    centres = KMeans(count, n_init=start, random_state=seed).fit(x[sample]).cluster_centers_
    distance = (x**2).sum(axis=1)[:, None] - 2 * x @ centres.T + (centres**2).sum(axis=1)
    nearest = distance.argmin(axis=1)
    variance = max(float(np.median(distance[sample].min(axis=1))) / x.shape[1], 1e-9)
    soft = np.exp(-(distance - distance.min(axis=1, keepdims=True)) / (2 * variance))
    return (soft / soft.sum(axis=1, keepdims=True))[:, 1:], nearest
