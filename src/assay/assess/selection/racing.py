"""Racing on a growing sample: who is dropped, who stays, and when to stop.

At each stage the candidates left are scored on the same rows, more at every stage. One that another beats beyond doubt
is dropped. The doubt that may be spent is shared out over the stages, so that the best is dropped with at most the
stated chance in the whole race. The race ends when the expected regret of the leader is small enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assay.assess.selection.candidates import Background, Candidate
from assay.assess.selection.judging import Judged, judge

FEWEST_ROWS = 100
ROWS_PER_CLASS = 8
GROWTH = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What one stage of the race showed."""

    rows: int
    judged: Judged
    dropped: Mapping[str, str]
    """Candidates dropped after this stage, with the reason."""
    done: bool
    """Whether the leader's expected regret is small enough, or nobody else is left."""

    @property
    def kept(self) -> list[str]:
        """Names of those who stay, best first."""
        return [c.model for c in self.judged.ranked if c.model not in self.dropped]


def schedule(rows: int, classes: int) -> list[int]:
    """Sample sizes of the stages: doubling from 8 rows a class (at least 100) to all rows."""
    size = min(rows, max(FEWEST_ROWS, ROWS_PER_CLASS * classes))
    sizes = [size]
    while size < rows:
        size = min(rows, round(size * GROWTH))
        sizes.append(size)
    return sizes


def hold_stage(
    candidates: Sequence[Candidate], *, metric: str, regret: float, stages: int, level: float, resamples: int = 1000,
    rng: np.random.Generator,
) -> Stage:  # fmt: skip
    """Judge one stage.

    Args:
        candidates: Those still in the race, with predictions on the same rows.
        metric: A name in `METRICS`.
        regret: Expected regret that may remain, in points (or the metric's unit).
        stages: How many stages the race may have.
        level: Confidence that the best is not dropped in the whole race.
        resamples: Replicates of the paired bootstrap.
        rng: The source of randomness.
    """
    strict = 1 - (1 - level) / max(stages, 1)
    judged = judge(candidates, Background(), metric=metric, regime=None, level=strict, resamples=resamples, rng=rng)
    beaten = judged.comparison.beats
    dropped: dict[str, str] = {}
    for at, candidate in enumerate(judged.ranked):
        if beaten[:, at].any():
            by = judged.ranked[int(np.flatnonzero(beaten[:, at])[0])].model
            dropped[candidate.model] = f"beaten by {by} on {judged.replicates.n} rows"
    expected = judged.regret[0].value
    alone = len(judged.ranked) - len(dropped) <= 1
    return Stage(
        rows=judged.replicates.n, judged=judged, dropped=dropped,
        done=alone or (expected is not None and expected <= regret),
    )  # fmt: skip
