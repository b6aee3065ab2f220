"""The race that `select` holds: stages on a growing sample, within the budget, and why it ended.

Who is dropped after a stage is `assay.assess.selection.racing`'s business; this file spends, and keeps what was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from assay.assess.selection.candidates import Candidate
from assay.assess.selection.racing import Stage, hold_stage
from assay.assess.selection.scale import scale_of
from assay.assess.selection.tables import ranking_rows
from assay.estimate import show_number
from assay.finding import Assessment
from assay.rng import stream
from assay.run.contenders import Bench, Contender
from assay.run.finals import Final, hold_finals
from assay.run.question import Budget, Question
from assay.run.sample import Sample

RESERVE = 1.5
"""A stage is begun only when its expected seconds, times this, still fit the budget."""


class Race:
    """The stages of one race, held one after the other."""

    def __init__(self, question: Question, sample: Sample, bench: Bench, contenders: list[Contender], budget: Budget,
                 regret: float) -> None:  # fmt: skip
        self.question, self.sample, self.bench = question, sample, bench
        self.contenders, self.budget, self.regret = contenders, budget, regret
        self.stages: list[Stage] = []
        self.field: list[Candidate] = []
        self.trials = 0
        self.why = "all rows are used"

    def run(self, sizes: Sequence[int]) -> None:
        """Hold stages until one settles it, the rows end or the budget does."""
        left = list(self.contenders)
        for number, rows in enumerate(sizes):
            if number and not self._pays(left, rows):
                self.why = "the budget is spent"
                return
            found = self._scores(left, rows)
            if not found:
                return
            stage = hold_stage(
                found, metric=self.question.measure, regret=self.regret, stages=len(sizes), level=self.question.level,
                rng=stream(self.question.rng_seed, "stage", number),
            )  # fmt: skip
            self.stages.append(stage)
            self.field = [c for c in found if c.model in stage.kept]
            for contender in left:
                if contender.name not in stage.kept:
                    contender.model = None
            left = [c for c in left if c.name in stage.kept]
            if stage.done:
                self.why = "one model is left" if len(left) == 1 else "the expected regret is small enough"
                return

    def _scores(self, left: Sequence[Contender], rows: int) -> list[Candidate]:
        found: list[Candidate] = []
        for contender in left:
            if self.budget.trials is not None and self.trials >= self.budget.trials:
                contender.error = contender.error or f"not reached: the budget of {self.budget.trials} trials was spent"
                continue
            if not self.stages and self.budget.seconds is not None and self._spent() > self.budget.seconds:
                contender.error = "not reached: the budget was spent before its features could be had"
                continue
            self.trials += 1
            candidate = self.bench.score(contender, rows, scores=(), rng=stream(self.question.rng_seed, "race"))
            if candidate is not None:
                found.append(candidate)
        return found

    def _spent(self) -> float:
        return sum(contender.seconds for contender in self.contenders)

    def _pays(self, left: Sequence[Contender], rows: int) -> bool:
        """Whether the next stage fits what is left of the budget, judged by what each item has cost so far."""
        if self.budget.trials is not None and self.trials + len(left) > self.budget.trials:
            return False
        if self.budget.seconds is None:
            return True
        more = max(0, rows - self.stages[-1].rows)
        expected = sum(contender.seconds_per_item for contender in left) * more
        return self._spent() + RESERVE * expected <= self.budget.seconds

    def with_dropped(self, judged: Assessment) -> Assessment:
        """The ranking with those who were dropped on the way, below those who were not."""
        rows: list[Any] = list(judged.tables["ranking"])
        group = max(row["group"] for row in rows)
        events: list[dict[str, Any]] = []
        for stage in reversed(self.stages):
            below = [row for row in ranking_rows(stage.judged) if row["model"] in stage.dropped]
            group += 1 if below else 0
            for row in below:
                rows.append({**row, "rank": len(rows) + 1, "rank_low": row["rank_low"], "group": group})
        total = len(rows)
        rows = [{**row, "rank_high": total} if row["model"] in self._dropped() else row for row in rows]
        for stage in self.stages:
            events += [{"model": name, "rows": stage.rows, "reason": why} for name, why in stage.dropped.items()]
        return replace(judged, tables={**judged.tables, "ranking": rows, "dropped": events, "stages": self._table()})

    def finals(self, last: Stage) -> list[Final]:
        """Short fine-tuning of those who are left."""
        left = [c for c in self.contenders if c.name in last.kept]

        def pays() -> bool:
            within_trials = self.budget.trials is None or self.trials < self.budget.trials
            self.trials += 1
            return within_trials and (self.budget.seconds is None or self._spent() < self.budget.seconds)

        return hold_finals(left, self.sample, last.rows, metric=self.question.measure, pays=pays,
                           seed=self.question.rng_seed, device=self.question.device)  # fmt: skip

    def _dropped(self) -> set[str]:
        return {name for stage in self.stages for name in stage.dropped}

    def _table(self) -> list[dict[str, Any]]:
        return [
            {
                "rows": stage.rows, "models": len(stage.judged.ranked), "dropped": len(stage.dropped),
                "leader": stage.judged.ranked[0].model, "expected_regret": stage.judged.regret[0],
            }
            for stage in self.stages
        ]  # fmt: skip

    def ending(self) -> str:
        """Why the race ended, and what more would buy."""
        last = self.stages[-1]
        told = f"The race ended at {last.rows:,} rows because {self.why}"
        expected = last.judged.regret[0]
        if self.why != "the budget is spent" or expected.value is None or expected.value <= 0:
            return f"{told}."
        unit = scale_of(self.question.measure).unit
        rows = last.rows * (expected.value / max(self.regret, 1e-9)) ** 2
        seconds = sum(c.seconds_per_item for c in self.contenders if c.name in last.kept) * max(0.0, rows - last.rows)
        return (
            f"{told}; an expected regret of {show_number(expected.value)} {unit} is left, and about {round(rows):,} "
            f"rows ({show_number(seconds)} more seconds) would bring it to {self.regret:g}."
        )
