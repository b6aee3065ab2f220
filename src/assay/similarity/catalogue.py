"""The measures by name: what each needs, its unit, and how it is read by index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from assay.similarity.cka import CkaOfRows
from assay.similarity.frechet import FrechetOfRows
from assay.similarity.geometry import ProcrustesOfRows, RsaOfRows
from assay.similarity.mmd import MmdOfRows
from assay.similarity.otdd import OtddOfRows
from assay.similarity.pooled import Pooled
from assay.similarity.proxy_a import ProxyAOfRows
from assay.similarity.task2vec import Task2VecOfRows

Needs = Literal["features", "labels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMeasure:
    """A distance between two sets of items."""

    title: str
    """The name people read."""
    needs: Needs
    """What both sets must bring."""
    squared: bool
    """Whether its root, rather than itself, is a distance on a map."""
    unit: str
    """Of the value."""
    prepare: Callable[[Pooled], Any]
    """From a pool to a function of two sets of rows."""


SET_MEASURES: dict[str, SetMeasure] = {
    "frechet": SetMeasure(title="Fréchet distance", needs="features", squared=True, unit="squared feature units",
                          prepare=FrechetOfRows),
    "mmd": SetMeasure(title="squared MMD", needs="features", squared=True, unit="",
                      prepare=lambda pool: MmdOfRows(pool, "rbf")),
    "kid": SetMeasure(title="KID", needs="features", squared=True, unit="",
                      prepare=lambda pool: MmdOfRows(pool, "cubic")),
    "proxy_a": SetMeasure(title="proxy-A-distance", needs="features", squared=False, unit="", prepare=ProxyAOfRows),
    "otdd": SetMeasure(title="OTDD", needs="labels", squared=True, unit="squared feature units", prepare=OtddOfRows),
    "task2vec": SetMeasure(title="Task2Vec", needs="labels", squared=False, unit="", prepare=Task2VecOfRows),
}  # fmt: skip

HEAD_MEASURES: dict[str, str] = {"leep": "LEEP, share unexplained", "nce": "NCE, share unexplained"}

MODEL_MEASURES: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "linear_cka": ("1 − linear CKA", lambda x, y: CkaOfRows(x, y, "linear")),
    "rbf_cka": ("1 − RBF CKA", lambda x, y: CkaOfRows(x, y, "rbf")),
    "rsa": ("1 − RSA", RsaOfRows),
    "procrustes": ("Procrustes distance", ProcrustesOfRows),
}
