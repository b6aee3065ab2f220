"""Small jobs with a signal in them, and AdapterSuite, which every recipe must pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.contracts import Adapted, Adapter, AdaptJob
from assay.dataset import Dataset, Task
from assay.rng import stream
from assay.spec import DataRef, DataSlice, ModelRef, Recipe, TaskKind, TrialSpec
from assay.testing.data import fake_dataset
from assay.testing.models import FakeDual, FakeTextSide

CLASSES = 3


def feature_job(
    kind: TaskKind = "multiclass", *, method: str = "probe", params: Mapping[str, Any] | None = None, n: int = 90,
    d: int = 6, signal: float = 3.0, valid: bool = True, draw: int = 0, seed: int = 0,
) -> AdaptJob:  # fmt: skip
    """A job on (n, d) features in which the first columns carry the target.

    Args:
        kind: Of task; classes take turns.
        method: The recipe.
        params: Its parameters.
        n: Rows: 60 % to learn from, 20 % to choose on, 20 % to test on, taking turns.
        d: Features, at least 3.
        signal: How plainly the features show the target, in standard deviations of the noise.
        valid: Whether the job brings validation rows.
        draw: Number of the draw, in the specification only.
        seed: Seed of the trial, in the specification only.
    """
    rng = stream(0, "feature job", kind, n, d)
    targets, strength = _targets(kind, n, rng)
    x = rng.normal(size=(n, d)) + 0.5
    x[:, : strength.shape[1]] += signal * strength
    train, some, test = _parts(n, valid)
    return AdaptJob(
        spec=_spec(method, params, draw, seed), task=_task(kind), targets=targets, features=x.astype(np.float32),
        train=train, valid=some, test=test,
    )  # fmt: skip


def network_job(
    kind: TaskKind = "multiclass", *, method: str = "finetune", params: Mapping[str, Any] | None = None, n: int = 60,
    modality: Any = "image", valid: bool = True, draw: int = 0, seed: int = 0,
) -> AdaptJob:  # fmt: skip
    """A job that brings a tiny network and the items of a fake data set, for recipes that train the network."""
    from assay.testing.engines import TinyModel

    data: Dataset = fake_dataset(n, modality=modality, kind=kind, classes=CLASSES)
    train, some, test = _parts(n, valid)
    return AdaptJob(
        spec=_spec(method, params, draw, seed), task=data.task, targets=data.targets, dataset=data,
        model=TinyModel(modality), train=train, valid=some, test=test,
    )  # fmt: skip


class AdapterSuite:
    """What every recipe must hold; subclass it in a test file and give `make`.

    Methods assert and return nothing, so that pytest collects them.
    """

    kinds: tuple[TaskKind, ...] = ("binary", "multiclass", "multilabel", "regression")
    """Tasks that it serves; the others must end in an error that says so."""
    params: Mapping[str, Any] = {}
    """Parameters that make it quick."""
    learns: bool = True
    """Whether it should beat the most frequent class on an easy task."""
    tolerance: float = 1e-5
    """Largest difference of a probability or a value between a job alone and the same job among others."""

    def make(self) -> Adapter:
        """The recipe under test."""
        raise NotImplementedError

    def job(self, kind: TaskKind = "multiclass", **changes: Any) -> AdaptJob:
        """A job for it; `changes` go to `feature_job` or `network_job`."""
        adapter = self.make()
        build = network_job if adapter.needs == "network" else feature_job
        params = {**adapter.defaults, **self.params}
        job = build(kind, method=adapter.method, params=params, **changes)
        if adapter.needs != "words":
            return job
        assert job.features is not None
        return replace(job, model=FakeDual(FakeTextSide(job.task.classes, job.features.shape[1])))

    def solve(self, *jobs: AdaptJob) -> list[Adapted]:
        """Results without errors."""
        results = self.make().run(list(jobs))
        assert len(results) == len(jobs)
        for result in results:
            assert result.error is None, f"{type(result.error).__name__}: {result.error}"
        return results

    def test_parts_have_one_row_a_position_and_full_width(self) -> None:
        """Labels and probabilities for train, valid and test rows; probabilities are finite, one column a class."""
        for kind in self.kinds:
            job = self.job(kind)
            (result,) = self.solve(job)
            width = len(job.task.classes)
            for part in ("train", "valid", "test"):
                rows, predicted = getattr(job, part), result.parts[part]
                wide = (len(rows), width) if kind == "multilabel" else (len(rows),)
                assert predicted.label.shape == wide
                if kind == "regression":
                    assert predicted.score is None
                    assert np.isfinite(predicted.label).all()
                    continue
                assert predicted.score is not None
                assert predicted.score.shape == (len(rows), width)
                assert ((predicted.score >= 0) & (predicted.score <= 1)).all()
                if kind != "multilabel":
                    np.testing.assert_allclose(predicted.score.sum(axis=1), 1.0, atol=1e-6)

    def test_it_learns_an_easy_task(self) -> None:
        """Right on most test rows where the features show the target plainly."""
        if not self.learns:
            return
        for kind in self.kinds:
            job = self.job(kind)
            (result,) = self.solve(job)
            label, target = result.parts["test"].label, job.targets[job.test]
            if kind == "regression":
                assert np.corrcoef(label, target)[0, 1] > 0.7
            else:
                assert float(np.mean(label == target)) > 0.7

    def test_targets_of_test_rows_change_nothing(self) -> None:
        """Test rows never reach a choice: with their targets in another order every prediction is the same."""
        for kind in self.kinds:
            job = self.job(kind)
            mixed = job.targets.copy()
            mixed[job.test] = np.roll(mixed[job.test], 1, axis=0)
            (first,), (second,) = self.solve(job), self.solve(replace(job, targets=mixed))
            _assert_same(first, second, 0.0)

    def test_the_same_job_gives_the_same_result(self) -> None:
        """Twice in a row, to the last bit."""
        job = self.job(self.kinds[0])
        (first,), (second,) = self.solve(job), self.solve(job)
        _assert_same(first, second, 0.0)

    def test_the_order_of_positions_changes_nothing(self) -> None:
        """Rows listed backwards give the same predictions, backwards."""
        for valid in (True, False):
            job = self.job(self.kinds[-1], valid=valid)
            backwards = replace(job, train=job.train[::-1], valid=job.valid[::-1], test=job.test[::-1])
            (first,), (second,) = self.solve(job), self.solve(backwards)
            np.testing.assert_allclose(
                first.parts["test"].label, second.parts["test"].label[::-1], rtol=1e-5, atol=1e-5
            )

    def test_a_job_among_others_gives_what_it_gives_alone(self) -> None:
        """Neighbours with other rows, draws and seeds do not matter; nor does one that fails."""
        job = self.job(self.kinds[0])
        fewer = replace(self.job(self.kinds[0], seed=1), train=job.train[: len(job.train) // 2 * 2 - 6])
        broken = replace(job, features=None) if self.make().needs == "words" else replace(job, train=job.train[:0])
        alone = [self.solve(job)[0], self.solve(fewer)[0]]
        together = self.make().run([broken, job, fewer, job])
        assert together[0].error is not None
        _assert_same(alone[0], together[1], self.tolerance)
        _assert_same(alone[1], together[2], self.tolerance)
        _assert_same(alone[0], together[3], self.tolerance)

    def test_without_validation_rows_it_sets_some_aside_itself(self) -> None:
        """An empty validation part is served, and adds no part of its own."""
        (result,) = self.solve(self.job(self.kinds[0], valid=False))
        assert set(result.parts) == {"train", "test"}

    def test_one_class_only_is_an_error_that_says_so(self) -> None:
        """Training rows of one class give an error that names the class."""
        if "multiclass" not in self.kinds or self.make().needs == "words":
            return
        job = self.job("multiclass")
        (result,) = self.make().run([replace(job, train=job.train[job.targets[job.train] == 1])])
        assert result.error is not None
        assert job.task.classes[1] in str(result.error)
        assert not result.parts

    def test_a_class_without_training_rows_keeps_its_column(self) -> None:
        """Predictions have all columns; the unseen class is never predicted."""
        if "multiclass" not in self.kinds or self.make().needs == "words":
            return
        job = self.job("multiclass")
        (result,) = self.solve(replace(job, train=job.train[job.targets[job.train] != 1]))
        predicted = result.parts["test"]
        assert predicted.score is not None
        assert predicted.score.shape[1] == len(job.task.classes)
        assert not (predicted.label == 1).any()

    def test_a_task_that_it_does_not_serve_ends_in_an_error(self) -> None:
        """The error names the recipe and the kind of task."""
        kinds: tuple[TaskKind, ...] = ("binary", "multiclass", "multilabel", "regression")
        for kind in kinds:
            if kind not in self.kinds:
                (result,) = self.make().run([self.job(kind)])
                assert result.error is not None
                assert kind in str(result.error)
                assert self.make().method in str(result.error)

    def test_without_labelled_rows_it_works_where_it_needs_none(self) -> None:
        """A recipe that reads words predicts the same without training and validation rows."""
        if self.make().needs != "words":
            return
        job = self.job()
        (whole,), (bare,) = self.solve(job), self.solve(replace(job, train=job.train[:0], valid=job.valid[:0]))
        assert set(bare.parts) == {"test"}
        np.testing.assert_array_equal(bare.parts["test"].score, whole.parts["test"].score)

    def test_features_that_are_not_finite_are_an_error(self) -> None:
        """NaN in a training row is reported, and never becomes a prediction."""
        job = self.job(self.kinds[0])
        if job.features is None or self.make().needs not in ("features", "words"):
            return
        x = job.features.copy()
        x[job.train[0], 1] = np.nan
        (result,) = self.make().run([replace(job, features=x)])
        assert result.error is not None
        assert "NaN" in str(result.error)


def _assert_same(first: Adapted, second: Adapted, tolerance: float) -> None:
    for part, predicted in first.parts.items():
        other = second.parts[part]
        if predicted.score is None or other.score is None:
            np.testing.assert_allclose(predicted.label, other.label, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_allclose(predicted.score, other.score, rtol=0, atol=tolerance)


def _parts(n: int, valid: bool) -> tuple[NDArray[np.int_], NDArray[np.int_], NDArray[np.int_]]:
    turn = (np.arange(n) // CLASSES) % 5
    rows = np.arange(n)
    return rows[turn < 3], rows[turn == 3] if valid else rows[:0], rows[turn == 4]


def _targets(kind: TaskKind, n: int, rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[np.float64]]:
    if kind == "regression":
        targets = rng.normal(size=n)
        return targets, targets[:, None]
    if kind == "multilabel":
        targets = (rng.random((n, CLASSES)) < 0.4).astype(np.int64)
        return targets, targets.astype(np.float64)
    targets = np.arange(n, dtype=np.int64) % (2 if kind == "binary" else CLASSES)
    return targets, np.eye(CLASSES)[targets]


def _task(kind: TaskKind) -> Task:
    names: Sequence[str] = () if kind == "regression" else ("ash", "birch", "cedar")
    return Task(kind=kind, classes=tuple(names[:2] if kind == "binary" else names))


def _spec(method: str, params: Mapping[str, Any] | None, draw: int, seed: int) -> TrialSpec:
    data = DataRef(source="py", name="jobs")
    return TrialSpec(
        model=ModelRef(source="py", name="fake"), train=DataSlice(data=data, split="train"),
        test=DataSlice(data=data, split="test"), recipe=Recipe(method=method, params=dict(params or {})), draw=draw,
        seed=seed,
    )  # fmt: skip
