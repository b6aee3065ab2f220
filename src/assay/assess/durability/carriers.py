"""Which classes, clusters, groups, words or regions carry the loss.

Each part's contribution is exact: what its changed share costs and what its changed score costs, beside the mean. Parts
that overlap (words) are compared by their score alone. Regions are found on one half of the rows and judged on the
other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from assay.assess.durability.periods import Periods
from assay.assess.durability.representation import Representation
from assay.assess.durability.scoring import Scoring
from assay.estimate import Estimate
from assay.stats.label_shift import class_terms
from assay.stats.multiplicity import holm

Floats = NDArray[np.float64]
Positions = NDArray[np.int_]

MOST_PARTS = 20
FEWEST_IN_WORD = 20
_MOST_TEXTS = 50_000
_MOST_ROWS = 20_000
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    kind: str
    name: str
    n: tuple[int, int]
    share: tuple[float, float]
    score: tuple[float, float]
    fall: float
    """Points that the part's lower score costs the whole, at its later share."""
    error: float


def exact_parts(periods: Periods, scoring: Scoring, part: NDArray[Any], kind: str) -> list[dict[str, Any]]:
    """What each part of a partition (class, cluster, group) costs the whole.

    Args:
        periods: source and windows.
        scoring: scores of rows.
        part: (n,) the part of each row.
        kind: what the parts are.

    Returns:
        One row a part, the costliest first: `kind`, `part`, shares and scores before and after, `points` that its lower
        score costs, `mix_points` that its changed share costs beside the mean, and whether `points` is `real`.
    """
    before, after = periods.source, periods.rows_later
    names, codes = np.unique(np.r_[part[before], part[after]], return_inverse=True)
    c0, c1 = codes[: len(before)], codes[len(before) :]
    s0, s1 = scoring.row[before], scoring.row[after]
    terms = class_terms(c0, s0, c1, s1, classes=len(names))
    n0, n1 = np.bincount(c0, minlength=len(names)), np.bincount(c1, minlength=len(names))
    parts = [
        _Part(kind=kind, name=str(names[k]), n=(int(n0[k]), int(n1[k])), fall=float(terms.within[k]),
              share=(float(terms.shares[0][k]), float(terms.shares[1][k])), error=float(terms.within_errors[k]),
              score=(float(terms.scores[0][k]), float(terms.scores[1][k])))
        for k in range(len(names)) if n0[k] and n1[k]
    ]  # fmt: skip
    mean = float(s0.mean())
    mix = {str(names[k]): float((terms.shares[0][k] - terms.shares[1][k]) * (terms.scores[0][k] - mean))
           for k in range(len(names))}  # fmt: skip
    return _rows(parts, scoring, mix)


def words(periods: Periods, scoring: Scoring, text: NDArray[Any]) -> list[dict[str, Any]]:
    """Words whose rows lost more than they weigh: each word with 20 rows on both sides, by its own fall.

    Args:
        periods: source and windows.
        scoring: scores of rows.
        text: (n,) input texts.

    Returns:
        One row a word, the costliest first. Words overlap, so their points do not sum to the change.
    """
    sides = [rows[:: max(1, len(rows) // _MOST_TEXTS)] for rows in (periods.source, periods.rows_later)]
    counts = [_tally(text[rows], scoring.row[rows]) for rows in sides]
    shared = [w for w in counts[1] if w in counts[0] and min(counts[0][w][0], counts[1][w][0]) >= FEWEST_IN_WORD]
    parts: list[_Part] = []
    for word in shared:
        (n0, sum0, square0), (n1, sum1, square1) = counts[0][word], counts[1][word]
        a0, a1, share = sum0 / n0, sum1 / n1, n1 / len(sides[1])
        variance = sum((square / n - (total / n) ** 2) / n for n, total, square in
                       ((n0, sum0, square0), (n1, sum1, square1)))  # fmt: skip
        parts.append(
            _Part(
                kind="word",
                name=word,
                n=(n0, n1),
                share=(n0 / len(sides[0]), share),
                score=(a0, a1),
                fall=share * (a0 - a1),
                error=share * float(np.sqrt(max(variance, 0.25 / n1**2))),
            )
        )
    return _rows(parts, scoring, None)


def regions(
    periods: Periods, scoring: Scoring, seen: Representation, *, rng: np.random.Generator
) -> list[dict[str, Any]]:  # fmt: skip
    """Regions of the features that lost most: leaves of a small tree, grown on one half and judged on the other.

    Args:
        periods: source and windows.
        scoring: scores of rows.
        seen: encoded features.
        rng: halves the rows and draws 20,000 of each side at most.

    Returns:
        One row a region, described by its conditions; empty without named features or under 200 rows a side.
    """
    if seen.encoded is None or min(len(periods.source), len(periods.rows_later)) < 200:
        return []
    from sklearn.tree import DecisionTreeRegressor

    sides = (periods.source, periods.rows_later)
    halves = [np.array_split(rng.permutation(rows)[: 2 * _MOST_ROWS], 2) for rows in sides]
    grow0, judge0, grow1, judge1 = halves[0][0], halves[0][1], halves[1][0], halves[1][1]
    expected = DecisionTreeRegressor(max_depth=6, min_samples_leaf=max(50, len(grow0) // 50), random_state=0)
    expected.fit(seen.encoded[grow0], scoring.row[grow0])
    lost = expected.predict(seen.encoded[grow1]) - scoring.row[grow1]
    tree = DecisionTreeRegressor(max_depth=3, min_samples_leaf=max(50, len(grow1) // 20), random_state=0)
    tree.fit(seen.encoded[grow1], lost)
    leaf0, leaf1 = tree.apply(seen.encoded[judge0]), tree.apply(seen.encoded[judge1])
    names = _conditions(tree, seen.names)
    parts: list[_Part] = []
    for leaf in np.unique(leaf1):
        a, b = scoring.row[judge0][leaf0 == leaf], scoring.row[judge1][leaf1 == leaf]
        if min(len(a), len(b)) < FEWEST_IN_WORD:
            continue
        share = len(b) / len(leaf1)
        error = float(np.sqrt(max(a.var() / len(a) + b.var() / len(b), 0.25 / len(b) ** 2)))
        parts.append(_Part(kind="region", name=names[int(leaf)], n=(len(a), len(b)), share=(len(a) / len(leaf0), share),
                           score=(float(a.mean()), float(b.mean())), fall=share * float(a.mean() - b.mean()),
                           error=share * error))  # fmt: skip
    return _rows(parts, scoring, None)


def _rows(parts: Sequence[_Part], scoring: Scoring, mix: dict[str, float] | None) -> list[dict[str, Any]]:
    factor, unit = scoring.points
    z = float(ndtri((1 + scoring.level) / 2))
    p_values = [2 * float(ndtr(-abs(part.fall) / part.error)) if part.error > 0 else 1.0 for part in parts]
    adjusted = holm(p_values)
    rows: list[dict[str, Any]] = []
    for part, p_value in zip(parts, adjusted, strict=True):
        points = Estimate(
            name="points", value=part.fall * factor, low=(part.fall - z * part.error) * factor,
            high=(part.fall + z * part.error) * factor, level=scoring.level, n=sum(part.n), unit=unit,
            population="other such items", method="later share × fall of its score",
        )  # fmt: skip
        row: dict[str, Any] = {
            "kind": part.kind, "part": part.name, "n_source": part.n[0], "n_later": part.n[1],
            "share_source": part.share[0], "share_later": part.share[1],
            "score_source": scoring.row_sign * part.score[0], "score_later": scoring.row_sign * part.score[1],
            "points": points, "real": bool(p_value <= 1 - scoring.level),
        }  # fmt: skip
        if mix is not None:
            row["mix_points"] = mix[part.name] * factor
        rows.append(row)
    return sorted(rows, key=lambda row: (not row["real"], -row["points"].value))[:MOST_PARTS]


def _tally(texts: NDArray[Any], score: Floats) -> dict[str, tuple[int, float, float]]:
    """Word → rows that hold it, sum of their scores, sum of their squares."""
    counts: dict[str, tuple[int, float, float]] = {}
    for text, value in zip(texts, score.tolist(), strict=True):
        for word in set(_WORD.findall(str(text).casefold())):
            n, total, square = counts.get(word, (0, 0.0, 0.0))
            counts[word] = (n + 1, total + value, square + value * value)
    return counts


def _conditions(tree: Any, names: tuple[str, ...]) -> dict[int, str]:
    """Leaf → its path in words, features standardised."""
    inner = tree.tree_
    words_of: dict[int, str] = {}

    def walk(node: int, path: tuple[str, ...]) -> None:
        if inner.children_left[node] == -1:
            words_of[node] = " and ".join(path) or "everything"
            return
        name, cut = names[inner.feature[node]], float(inner.threshold[node])
        if " = " in name:
            sides = (f"not {name}", name)
        else:
            sides = (f"{name} up to {cut:.2g} SD", f"{name} above {cut:.2g} SD")
        walk(int(inner.children_left[node]), (*path, sides[0]))
        walk(int(inner.children_right[node]), (*path, sides[1]))

    walk(0, ())
    return words_of
