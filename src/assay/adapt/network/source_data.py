"""Source data with a head of their own, which keep the backbone from forgetting them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assay.adapt.job import width_of
from assay.adapt.network.items import Items
from assay.adapt.network.targets import Targets
from assay.adapt.network.training import Lesson, Phase, Replay, chunks, train
from assay.adapt.network.watch import Watch
from assay.adapt.network.whole import Passing, Whole, new_head
from assay.contracts import Model
from assay.errors import UsageError


class SourceData:
    """All rows of a data set that training must not forget.

    Args:
        name: As a study names data.
        model: Reads them.
        device: Where training runs.
        half: Whether the backbone computes in bfloat16.
        weight: Of their loss.

    Raises:
        UsageError: they are of another modality than the model.
    """

    def __init__(self, name: str, model: Model, device: torch.device, *, half: bool, weight: float) -> None:
        from assay.sources.data import load_data

        data = load_data(name)
        if data.modality != model.info.modality:
            raise UsageError(f"replay: {name} holds {data.modality} items and the model reads "
                             f"{model.info.modality} items")  # fmt: skip
        targets = np.asarray(data.targets)
        self.rows, self.weight = np.arange(len(targets)), weight
        self.targets = Targets.of(data.task, targets, self.rows, device)
        self.items = Items(model, data, device, half=half)
        self.head = new_head(model.info.width, width_of(data.task)).to(device)

    def train_head(self, backbone: nn.Module, phase: Phase, generator: np.random.Generator, watch: Watch) -> None:
        """Fit their head on features of the frozen backbone, so that their loss pulls from the first step on."""
        backbone.eval()
        with torch.no_grad(), self.items.precise():
            batches = chunks(self.rows, phase.batch_size)
            features = torch.cat([backbone(**self.items(rows)).float() for rows in batches])

        def feed(rows: NDArray[np.int_]) -> Mapping[str, Tensor]:
            return {"x": features[rows]}

        lesson = Lesson(feed=feed, learn=feed, target=self.targets.values, rows=self.rows, valid=self.rows[:0],
                        score=lambda _: 0.0)  # fmt: skip
        train(Whole(backbone=Passing(), head=self.head, kind=self.targets.kind), phase, lesson, generator, watch)

    def replay(self, backbone: nn.Module) -> Replay:
        """What the loop adds to each step."""
        whole = Whole(backbone=backbone, head=self.head, kind=self.targets.kind)
        return Replay(whole=whole, feed=self.items, target=self.targets.values, rows=self.rows, weight=self.weight)
