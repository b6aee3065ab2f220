"""A job's network trained in steps: the head alone first, then what each step opens; the job's model is left alone.

While nothing but the head learns, an epoch pays for the head only: the features are computed once. While the first
stages are frozen and nothing is augmented, training runs from the stored input of the first stage that learns.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.adapt.job import predict_parts, read_rows, width_of
from assay.adapt.network.items import Items
from assay.adapt.network.options import phase_of, wish_of
from assay.adapt.network.settings import Settings, choose, laid_out, mostly_convolutions, running
from assay.adapt.network.source_data import SourceData
from assay.adapt.network.stored import Cut, cut_off
from assay.adapt.network.targets import Targets
from assay.adapt.network.training import Lesson, Phase, out_of_memory, predict, train
from assay.adapt.network.watch import Watch
from assay.adapt.network.whole import Passing, Whole, new_head
from assay.contracts import Adapted, AdaptJob
from assay.errors import OutOfMemoryError, TrialError, UsageError
from assay.rng import seed_of, stream
from assay.sources.models.stages import stages, trunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A step of training beyond the head."""

    epochs: int
    open: Callable[[nn.Module], list[str]]
    """Lets parts of the backbone learn; the names of their stages, from input to output."""
    adapters: bool = False
    """Whether what learns lies inside frozen layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What a recipe wants of the loop."""

    openings: Sequence[Opening]
    finish: Callable[[nn.Module], nn.Module] = field(default=lambda backbone: backbone)
    """Makes the backbone plain again when all is learned."""


def tune(job: AdaptJob, params: Mapping[str, Any], plan: Callable[[nn.Module], Tuning], *, recipe: str) -> Adapted:
    """The result of one job; a training that failed keeps its history.

    Args:
        job: With a model, a data set and rows.
        params: Parameters of `assay.adapt.network.options`, and `l2_sp`, `replay`, `replay_weight` where the recipe
            has them.
        plan: Backbone → what is opened when; it may change the backbone, which is a copy.
        recipe: The recipe's name, for messages.

    Raises:
        UsageError: the model has no torch network.
    """
    if job.model is None or job.dataset is None or job.model.network is None:
        raise UsageError(f"recipe {recipe!r} trains a torch network, and {job.spec.model.uri} brings none; "
                         "use a recipe on frozen features, such as probe")  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(job.spec.seed, "finetune", job.spec.draw))
        training = _Training(job, params, plan)
        try:
            return training.run()
        except (TrialError, RuntimeError, MemoryError) as error:
            if out_of_memory(error) and not isinstance(error, OutOfMemoryError):
                error = OutOfMemoryError(f"memory ran out at batch_size={params['batch_size']}: {error}")
            return Adapted(error=error, history=training.whole.history, peak_bytes=training.watch.most_bytes or None)


class _Training:
    """One job in training."""

    def __init__(self, job: AdaptJob, params: Mapping[str, Any], plan: Callable[[nn.Module], Tuning]) -> None:
        assert job.model is not None
        assert job.dataset is not None
        self.job, self.params, self.rows = job, params, read_rows(job)
        self.device = torch.device("cuda" if job.device in ("auto", "cuda") and torch.cuda.is_available() else "cpu")
        backbone: nn.Module = copy.deepcopy(cast("nn.Module", job.model.network))
        for parameter in backbone.parameters():
            parameter.requires_grad_(False)
        self.depths = _depths(backbone)
        self.tuning = plan(backbone)
        head = new_head(job.model.info.width, width_of(job.task)).to(self.device)
        self.whole = Whole(backbone=backbone.to(self.device), head=head, kind=job.task.kind,
                           smoothing=float(params["label_smoothing"]))  # fmt: skip
        self.items = Items(job.model, job.dataset, self.device, half=params["precision"] == "bfloat16")
        self.watch = Watch(self.device, energy=params["energy"])
        self.targets = Targets.of(job.task, np.asarray(job.targets), self.rows.final, self.device)
        self.generator = stream(job.spec.seed, "order of rows", job.spec.draw)
        self.said: dict[str, Any] = {"device": str(self.device)}
        self.cut: Cut | None = None
        self.cut_at = ""
        self.rows_at_once = int(params["batch_size"])
        self.source = (
            SourceData(params["replay"], job.model, self.device, half=self.items.half, weight=params["replay_weight"])
            if params.get("replay") else None
        )  # fmt: skip

    def run(self) -> Adapted:
        """Train, then predict every part."""
        openings = [opening for opening in self.tuning.openings if opening.epochs]
        trained = 0
        with self.watch:
            opened = openings[0].open(self.whole.backbone) if openings else []
            self._store(opened)
            if self.params["head_epochs"]:
                self._head_alone()
            for number, opening in enumerate(openings, start=1):
                if number > 1:
                    opened = opening.open(self.whole.backbone)
                    self._store(opened)
                if self.whole.learning():
                    self.whole.adapters = opening.adapters
                    trained = sum(parameter.numel() for parameter in self.whole.learning())
                    self._backbone(phase_of(self.params, number=number, epochs=opening.epochs))
            self.whole.backbone = self.tuning.finish(self.whole.backbone)
            parts = predict_parts(self.job, self._predicted)
            if self.cut is not None:
                self.cut.feed.close()
        head = sum(parameter.numel() for parameter in self.whole.head.parameters())
        self.said |= {
            "epochs_run": len(self.whole.history), "trained_parameters": trained + head,
            "rows_at_once": self.rows_at_once,
        }  # fmt: skip
        return Adapted(parts=parts, history=self.whole.history, state=self._state(trained > 0), chosen=self.said,
                       peak_bytes=self.watch.most_bytes or None,
                       joules=_total(self.whole.history, "joules"))  # fmt: skip

    def _store(self, opened: Sequence[str]) -> None:
        """Store the input of the first stage that learns, where an epoch then costs less."""
        stage = opened[0] if opened else ""
        if self.cut is not None:
            if stage == self.cut_at:
                return
            self.cut.feed.close()
            self.cut = None
        if stage not in trunk(self.whole.backbone)[1:]:
            return  # nothing worth storing stands before the first block
        if not self.params["store"] or self.params["flip"] or self.source is not None:
            return
        needed = np.unique(np.concatenate([self.rows.fit, self.rows.valid, self.job.train]))
        self.items.channels_last = mostly_convolutions(self.whole.backbone)
        self.cut, reason = cut_off(self.whole.backbone, stage, self.items, needed, self.params["batch_size"])
        self.cut_at = stage
        if self.cut is None:
            self.said["stored"] = {"used": False, "reason": reason}
        else:
            self.said["stored"] = {"used": True, "at": stage, "seconds": self.cut.seconds, "bytes": self.cut.feed.bytes}

    def _head_alone(self) -> None:
        """Train the head on features that are computed once; the backbone stays out of the loop."""
        phase = phase_of(self.params, number=0, epochs=self.params["head_epochs"])
        needed = np.unique(np.concatenate([self.rows.fit, self.rows.valid]))
        features = self._features(needed)
        place = np.full(len(self.targets.values), -1)
        place[needed] = np.arange(len(needed))

        def feed(positions: NDArray[np.int_]) -> Mapping[str, Tensor]:
            return {"x": features[place[positions]]}

        alone = replace(self.whole, backbone=Passing())
        train(alone, phase, self._lesson(feed, feed), self.generator, self.watch)
        if self.source is not None:
            self.source.train_head(self.whole.backbone, phase, self.generator, self.watch)

    def _features(self, rows: NDArray[np.int_]) -> Tensor:
        """(n, d) features of rows by the frozen backbone, from stored activations where there are some."""
        backbone, feed = self._source()
        backbone.eval()
        size, found = self.params["batch_size"], list[Tensor]()
        with torch.no_grad(), self.items.precise(), running(self._unmeasured()):
            for at in range(0, len(rows), size):
                found.append(backbone(**feed(rows[at : at + size])).float())
        return torch.cat(found)

    def _backbone(self, phase: Phase) -> None:
        """Train head and backbone, or what comes after the cut."""
        backbone, feed = self._source()
        part = replace(self.whole, backbone=backbone)
        settings = self._choose(part, feed, phase)
        self.items.half, self.items.channels_last = settings.half, settings.channels_last
        laid_out(self.whole.backbone, settings)
        self.said["settings"] = settings.to_dict()
        learn = feed if self.cut is not None else self.items.training(flip=self.params["flip"], rng=self.generator)
        lesson = self._lesson(feed, learn)
        lesson.replay = self.source.replay(part.backbone) if self.source is not None else None
        lesson.forward = _compiled(backbone) if settings.compiled else None
        with running(settings):
            self.rows_at_once = train(part, phase, lesson, self.generator, self.watch)

    def _choose(self, part: Whole, feed: Any, phase: Phase) -> Settings:
        """How this phase runs, measured on the first batch where that pays."""
        first = self.rows.fit[: phase.batch_size]

        def trial(settings: Settings) -> Callable[[], None]:
            whole = replace(part, backbone=copy.deepcopy(part.backbone), head=copy.deepcopy(part.head))
            laid_out(whole.backbone, settings)
            whole.train_mode()
            forward = _compiled(whole.backbone) if settings.compiled else None
            with self._with(settings):
                batch = feed(first)

            def step() -> None:
                with self._with(settings), self.items.precise():
                    outputs = whole.outputs(batch, forward)
                whole.loss(outputs, self.targets.values[first]).backward()

            return step

        learning = tuple(name for name, p in part.backbone.named_parameters() if p.requires_grad)
        wish = wish_of(self.params, whole=self.cut is None)
        model = self.job.spec.model
        with torch.random.fork_rng():
            return choose(
                trial, wish, steps=phase.steps(len(self.rows.fit)), device=self.device,
                spatial=mostly_convolutions(part.backbone),
                remember=(model.uri, model.revision, self.cut_at, learning, phase.batch_size, wish, str(self.device),
                          torch.get_num_threads()),
            )  # fmt: skip

    @contextmanager
    def _with(self, settings: Settings) -> Generator[None]:
        before = self.items.half, self.items.channels_last
        self.items.half, self.items.channels_last = settings.half, settings.channels_last
        try:
            yield
        finally:
            self.items.half, self.items.channels_last = before

    def _unmeasured(self) -> Settings:
        """What prediction runs with."""
        return Settings(threads=torch.get_num_threads(), kept_memory=self.device.type == "cpu")

    def _source(self) -> tuple[nn.Module, Any]:
        return (self.whole.backbone, self.items) if self.cut is None else (self.cut.suffix, self.cut.feed)

    def _lesson(self, feed: Any, learn: Any) -> Lesson:
        valid = self.rows.valid
        return Lesson(
            feed=feed, learn=learn, target=self.targets.values, rows=self.rows.fit, valid=valid,
            score=lambda outputs: self.targets.score(outputs, valid), depths=self.depths, precise=self.items.precise,
            on_epoch=self.job.on_epoch,
        )  # fmt: skip

    def _predicted(self, positions: NDArray[np.int_]) -> Any:
        """Predictions for rows: from stored activations where they are there, by the whole network elsewhere."""
        size, outputs = self.params["batch_size"], np.zeros((len(positions), self.whole.head.out_features))
        there = np.array([self.cut is not None and int(row) in self.cut.feed for row in positions], dtype=bool)
        with running(self._unmeasured()):
            if self.cut is not None and there.any():
                part = replace(self.whole, backbone=self.cut.suffix)
                outputs[there] = predict(part, self.cut.feed, positions[there], size, self.items.precise)
            if not there.all():
                outputs[~there] = predict(self.whole, self.items, positions[~there], size, self.items.precise)
        return self.targets.predicted(outputs)

    def _state(self, trained: bool) -> dict[str, NDArray[Any]]:
        state = self.targets.state_of(self.whole.head)
        if trained:
            state |= {name: value.detach().cpu().numpy() for name, value in self.whole.backbone.state_dict().items()}
        return state


def _compiled(backbone: nn.Module) -> Callable[..., Any]:
    return torch.compile(backbone)


def _depths(backbone: nn.Module) -> dict[int, int]:
    """Parameter, by its identity → stages between it and the output."""
    found, named = stages(backbone), dict(backbone.named_parameters())
    return {id(named[name]): len(found) - 1 - k for k, (_, names) in enumerate(found) for name in names}


def _total(history: Sequence[Mapping[str, float]], name: str) -> float | None:
    found = [record[name] for record in history if name in record]
    return sum(found) if found else None
