"""Two versions of one table: honest noise, changes beyond it, and scores that cannot be right.

An honest re-run moves most scores a little and a few of them more, so the noise is taken from the changes themselves,
with heavy tails, and never from a normal distribution. Faults of a whole task (columns swapped, another metric) are
looked for first; else they would pass for noise and hide the single cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from assay.errors import ShapeError
from assay.stats.additive import additive_fit
from assay.stats.agreement import concordance, kendall_tau_b

Scores = NDArray[np.float64]

FALSE_FLAGS = 0.001
"""The chance of a flag on an honest cell that limits are set for."""
FEWEST_MODELS = 4
"""A task with fewer models in both versions is not judged as a whole."""
NEGLIGIBLE = 0.05
"""Changes below this share of the robust spread between models are never flagged."""
CEILING_MODELS = 8
"""A task with fewer models is not searched for a change that a ceiling hides."""
COMPARABLE = 0.9
"""Concordance below which two sources do not measure the same thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAgreement:
    """How two sources agree on one task, over the models that both have."""

    n: int
    bias: float | None
    """Median of second less first; None with fewer than two models."""
    low: float | None
    high: float | None
    """Limits within which 95 % of differences lie: bias ± 1.96 standard deviations."""
    concordance: float | None
    tau: float | None
    comparable: bool | None
    """Whether concordance is at least 0.9; None with fewer than 4 models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One cell that is flagged."""

    model: int
    task: int
    kind: str
    """`fault`, `beyond noise`, `columns swapped`, `task changed`, `unlike the rest`, `impossible`."""
    size: float
    """The change, or the distance from what the rest of the table says, in the unit of the scores."""
    later: bool
    """Whether the later version is the one that looks wrong."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionComparison:
    """What became of every cell between two versions."""

    noise: Scores
    """(t,) robust standard deviation of honest changes of a task; 0 when nothing moved."""
    limit: Scores
    """(t,) the change beyond which a cell is flagged."""
    agreement: tuple[TaskAgreement, ...]
    """(t,) one a task."""
    flags: tuple[Flag, ...]
    compared: int
    """Number of cells that both versions have."""


def compare_versions(
    before: Scores, after: Scores, *, resolution: Scores | float = 0.0, tasks: Sequence[str] | None = None
) -> VersionComparison:
    """Which changes between two versions exceed honest noise, and which look like faults.

    Args:
        before: (m, t) the earlier scores, absent cells NaN.
        after: (m, t) the later scores of the same models and tasks.
        resolution: (t,) or one number: changes up to this size are never flagged, such as the detectable change of a
            test set or a step of rounding; a twentieth of the spread between models is never flagged either.
        tasks: Names of the tasks for the words of a flag; None for their positions.

    Returns:
        VersionComparison. A column is judged with at least 4 models.

    Raises:
        ShapeError: unless both tables have the same shape.

    Notes:
        Changes are brought to one scale by each task's own spread, shrunk towards that of the others. A Student t
        distribution is matched to the median and the 90 % point of their sizes, and the limit is its 99.9 % point; in
        large tables it is at most 1.5 times the 99.5 % point that was seen. A task counts as changed when half of its
        cells are beyond that and the changes have a direction or the order is reversed, which noise alone has not;
        where most models crowd at one end of the scale and cannot move, when all the others did so.
    """
    if before.shape != after.shape or before.ndim != 2:
        raise ShapeError(f"two versions have the same models and tasks; got {before.shape} and {after.shape}")
    change = after - before
    both = np.isfinite(change)
    floor = np.maximum(np.asarray(resolution, dtype=float), NEGLIGIBLE * _spread(before))
    agreement = tuple(task_agreement(before[:, at], after[:, at]) for at in range(change.shape[1]))
    names = [str(at) for at in range(change.shape[1])] if tasks is None else list(tasks)
    columns = _changed_columns(before, after, both, floor, names)
    kept = both.copy()
    kept[:, [at for at, _, _ in columns]] = False
    noise = _scales(change, kept)
    limit = np.maximum(_tail_limit((change / np.where(noise > 0, noise, np.nan))[kept]) * noise, floor)
    flags = [
        Flag(model=int(model), task=at, kind=kind, size=float(change[model, at]), later=True, why=why)
        for at, kind, why in columns
        for model in np.flatnonzero(both[:, at])
    ]
    flags += _flagged_cells(before, after, kept, noise, limit)
    return VersionComparison(
        noise=noise, limit=limit, agreement=agreement, flags=tuple(flags), compared=int(both.sum())
    )


def task_agreement(first: Scores, second: Scores) -> TaskAgreement:
    """Agreement of two sources on one task: bias, limits, Lin's concordance, Kendall's τ_b.

    Args:
        first: (m,) scores of one source, absent ones NaN.
        second: (m,) scores of the other.

    References:
        Bland and Altman (1986), Statistical methods for assessing agreement between two methods of clinical
        measurement; Lin (1989), A concordance correlation coefficient to evaluate reproducibility.
    """
    both = np.isfinite(first) & np.isfinite(second)
    n = int(both.sum())
    if n < 2:
        return TaskAgreement(n=n, bias=None, low=None, high=None, concordance=None, tau=None, comparable=None)
    x, y = first[both], second[both]
    bias, spread = float(np.median(y - x)), float((y - x).std(ddof=1))
    agreed, tau = concordance(x, y), kendall_tau_b(x, y)
    return TaskAgreement(
        n=n, bias=bias, low=bias - 1.96 * spread, high=bias + 1.96 * spread, concordance=agreed,
        tau=None if np.isnan(tau) else tau, comparable=None if n < FEWEST_MODELS else agreed >= COMPARABLE,
    )  # fmt: skip


def implausible_scores(scores: Scores) -> list[Flag]:
    """Scores of one table that are unlike everything else it says of their model and task.

    Use it where no earlier version exists. It sees a score at chance or a slipped decimal point, not a score that is a
    few points wrong.

    Args:
        scores: (m, t) scores, absent cells NaN.

    Returns:
        Flags of kind `impossible` (outside the range that all others keep) and `unlike the rest`.

    Notes:
        Each task is predicted from the models' median standing on the other tasks by a line through medians; what is
        left is judged like changes between versions, with the spread between models as the smallest scale that counts.
    """
    flags = _impossible(scores)
    m, t = scores.shape
    if m < 8 or t < 3:
        return flags
    spread = _spread(scores)
    standing = (scores - np.nanmedian(scores, axis=0)) / np.where(spread > 0, spread, np.nan)
    residual = np.full(scores.shape, np.nan)
    for at in range(t):
        others = np.delete(standing, at, axis=1)
        enough = np.isfinite(others).sum(axis=1) >= 2
        predictor = np.full(m, np.nan)
        predictor[enough] = np.nanmedian(others[enough], axis=1)
        residual[:, at] = scores[:, at] - _robust_line(predictor, scores[:, at])
    known = np.isfinite(residual)
    noise = _scales(residual, known)
    scaled = (residual / np.where(noise > 0, noise, np.nan))[known]
    limit = np.maximum(_tail_limit(scaled, least_df=3.0) * noise, 4 * spread)
    for flag in flags:
        known[flag.model, flag.task] = False
    for model, at in np.argwhere(known & (np.abs(residual) > limit) & (limit > 0)):
        size = float(residual[model, at])
        flags.append(
            Flag(model=int(model), task=int(at), kind="unlike the rest", size=size, later=True,
                 why=f"{abs(size):.3g} {'above' if size > 0 else 'below'} what the model's other tasks lead to expect; "
                 f"the limit for this task is {limit[at]:.3g}")
        )  # fmt: skip
    return flags


def _changed_columns(
    before: Scores, after: Scores, both: NDArray[np.bool_], floor: Scores, names: Sequence[str]
) -> list[tuple[int, str, str]]:  # fmt: skip
    """Tasks that changed as a whole: (task, kind, why)."""
    change = np.abs(after - before)
    judged = [at for at in range(both.shape[1]) if both[:, at].sum() >= FEWEST_MODELS]
    typical = {at: float(np.median(change[both[:, at], at])) for at in judged}
    found: list[tuple[int, str, str]] = []
    for at in judged:
        others = [typical[other] for other in judged if other != at]
        usual = float(np.median(others)) if others else np.inf
        if typical[at] <= max(floor[at], 6 * usual):
            if _changed_below_a_ceiling(before[both[:, at], at], after[both[:, at], at], usual, floor[at]):
                found.append((at, "task changed", "all models but those crowded at one end of it moved far more than "
                              "usual, and in step; another metric, split or protocol does so"))  # fmt: skip
            continue
        partner = _swap_partner(before, after, at, judged)
        moved = f"half of all models moved by {typical[at]:.3g} or more, where {usual:.2g} is usual"
        if partner is not None:
            found.append((at, "columns swapped", f"the scores are those that {names[partner]} had before"))
        elif _systematic(before[both[:, at], at], after[both[:, at], at]):
            found.append((at, "task changed", f"{moved}, and in step; another metric, split or protocol does so"))
        elif typical[at] > max(25 * usual, 10 * floor[at]):
            found.append((at, "task changed", f"{moved}; another metric, split or protocol does so"))
    return found


def _changed_below_a_ceiling(first: Scores, second: Scores, usual: float, floor: float) -> bool:
    """Whether most scores crowd at an end of the scale, and the rest, a quarter or more, moved far and in step."""
    change = second - first
    if len(first) < CEILING_MODELS or usual == np.inf:
        return False
    far = np.abs(change) > max(25 * usual, 10 * floor)
    if far.sum() < max(3, len(first) / 4) or abs(np.sign(change[far]).sum()) < far.sum():
        return False
    apart = first[far].max() < first[~far].min() or first[far].min() > first[~far].max()
    return bool(apart) and _systematic(first, second)


def _swap_partner(before: Scores, after: Scores, at: int, judged: list[int]) -> int | None:
    """The task whose earlier scores the later scores of `at` repeat, if there is one."""
    own = float(np.nanmedian(np.abs(after[:, at] - before[:, at])))
    best, partner = np.inf, None
    for other in judged:
        gap = np.abs(after[:, at] - before[:, other])
        if other != at and np.isfinite(gap).sum() >= FEWEST_MODELS and np.nanmedian(gap) < best:
            best, partner = float(np.nanmedian(gap)), other
    return partner if best < 0.2 * own else None


def _systematic(first: Scores, second: Scores) -> bool:
    """Whether changes have a direction, grow with the score, or reverse the order, more than chance allows."""
    n, change, level = len(first), second - first, (first + second) / 2
    if np.ptp(first) > 0 and np.ptp(second) > 0 and n > 4:
        r = float(np.corrcoef(first, second)[0, 1])
        if r < 0 and np.arctanh(max(r, -1 + 1e-12)) * np.sqrt(n - 3) < -3.3:
            return True
    design = np.stack([np.ones(n), level - level.mean()], axis=1)
    columns = 2 if n > 5 and np.ptp(level) > 0 else 1
    fit = np.linalg.lstsq(design[:, :columns], change, rcond=None)[0]
    rest = float(((change - design[:, :columns] @ fit) ** 2).sum())
    explained = float((change**2).sum()) - rest
    if rest <= 1e-12 * float((change**2).sum()):
        return explained > 0
    ratio = explained / columns / (rest / (n - columns))
    return float(special.fdtrc(columns, n - columns, ratio)) < (1e-3 if n >= 10 else 1e-2)


def _scales(values: Scores, kept: NDArray[np.bool_]) -> Scores:
    """(t,) robust standard deviation of what is not 0, shrunk towards the typical column where values are few.

    Where hardly anything moves at all, there is no noise to speak of, and it is 0.
    """
    own = np.full(values.shape[1], np.nan)
    moved = kept & (np.nan_to_num(values) != 0)
    if not moved.any() or moved.sum() < 0.1 * kept.sum():
        return np.zeros(values.shape[1])
    counts = np.where(moved.sum(axis=0) > 3, moved.sum(axis=0), 0)
    if not counts.any():
        return np.full(values.shape[1], 1.4826 * float(np.median(np.abs(values[moved]))))
    for at in np.flatnonzero(counts):
        own[at] = 1.4826 * np.median(np.abs(values[moved[:, at], at]))
    typical = float(np.median(own[np.isfinite(own)]))
    weight = 5.0
    return np.sqrt((counts * np.nan_to_num(own) ** 2 + weight * typical**2) / (counts + weight))


def _spread(scores: Scores) -> Scores:
    """(t,) robust standard deviation between models; 0 for a task without a score."""
    spread = np.zeros(scores.shape[1])
    for at in np.flatnonzero(np.isfinite(scores).any(axis=0)):
        own = scores[np.isfinite(scores[:, at]), at]
        spread[at] = 1.4826 * np.median(np.abs(own - np.median(own)))
    return spread


def _tail_limit(values: Scores, *, least_df: float = 1.0) -> float:
    """The size that an honest value exceeds with probability 0.1 %, from values on a common scale."""
    sizes = np.abs(values[np.isfinite(values)])
    sizes = sizes[sizes > 0]
    if len(sizes) < 10:
        return 12.9  # Student's t with 3 degrees of freedom, for too few values to know their tail
    middle, outer = np.quantile(sizes, [0.5, 0.9])
    # Among few values a single fault reaches the 90 % point, so no tail heavier than 2 is believed of them.
    least, most = (max(least_df, 2.0), 3.0) if len(sizes) < 60 else (least_df, 30.0 if len(sizes) >= 200 else 5.0)
    df = _matched_df(float(outer / middle), least=least, most=most)
    scale = middle / float(special.stdtrit(df, 0.75))
    limit = scale * float(special.stdtrit(df, 1 - FALSE_FLAGS / 2))
    if len(sizes) >= 1000:
        limit = min(limit, 1.5 * float(np.quantile(sizes, 0.995)))
    return limit


def _matched_df(ratio: float, *, least: float, most: float) -> float:
    """Degrees of freedom of the Student t whose 90 % point over median of |T| is `ratio`, within the bounds."""
    low, high = least, most
    for _ in range(40):
        middle = (low + high) / 2
        heavier = float(special.stdtrit(middle, 0.95) / special.stdtrit(middle, 0.75)) > ratio
        low, high = (middle, high) if heavier else (low, middle)
    return (low + high) / 2


def _flagged_cells(
    before: Scores, after: Scores, kept: NDArray[np.bool_], noise: Scores, limit: Scores
) -> list[Flag]:  # fmt: skip
    change = np.where(kept, after - before, 0.0)
    spread = _spread(before)
    expected = {later: _expected(table) for later, table in ((False, before), (True, after))}
    flags: list[Flag] = []
    for model, at in np.argwhere(kept & (np.abs(change) > limit)):
        size = float(change[model, at])
        off = {later: abs(float(table[model, at] - expected[later][model, at]))
               for later, table in ((False, before), (True, after))}  # fmt: skip
        later = off[True] >= off[False]
        wrong = off[later] > 2 * max(spread[at], noise[at]) and off[later] > 2 * off[not later]
        told = f"moved by {size:+.3g}; honest changes of this task stay within ±{limit[at]:.3g}"
        fault = f"{told}; the {'later' if later else 'earlier'} score does not fit the model's other tasks"
        flags.append(Flag(model=int(model), task=int(at), kind="fault" if wrong else "beyond noise", size=size,
                          later=bool(later), why=fault if wrong else told))  # fmt: skip
    return flags


def _expected(scores: Scores) -> Scores:
    """(m, t) what model + task lead to expect."""
    mask = np.isfinite(scores)
    fit = additive_fit(np.nan_to_num(scores), mask)
    return fit.effects[:, None] + fit.difficulty


def _impossible(scores: Scores) -> list[Flag]:
    """Cells above the 1 or 100 that nearly all others stay below. Negative scores pass: some metrics have them."""
    known = scores[np.isfinite(scores)]
    for top in (1.0, 100.0):
        above = scores > top * (1 + 1e-9)
        if known.size >= 20 and 0 < above.sum() <= 0.01 * known.size and (known > top / 20).mean() > 0.5:
            return [
                Flag(model=int(model), task=int(at), kind="impossible", size=float(scores[model, at]), later=True,
                     why=f"{scores[model, at]:.4g} is above {top:g}, where {known.size - int(above.sum())} of "
                     f"{known.size} scores stay below")
                for model, at in np.argwhere(above)
            ]  # fmt: skip
    return []


def _robust_line(x: Scores, y: Scores) -> Scores:
    """Prediction of y from x by a line through the medians of the outer thirds; NaN where x is."""
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < 6:
        return np.full(len(x), np.nan)
    low, high = np.quantile(x[both], [1 / 3, 2 / 3])
    left, right = both & (x <= low), both & (x >= high)
    run = float(np.median(x[right]) - np.median(x[left])) if left.any() and right.any() else 0.0
    slope = float(np.median(y[right]) - np.median(y[left])) / run if run > 0 else 0.0
    return float(np.median(y[both] - slope * x[both])) + slope * x
