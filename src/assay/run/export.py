"""An adapted model as a folder that can be moved and served: learned numbers, labels, preprocessing, where the rest is.

    model.json            what it is, its labels, its measured score, how to serve it
    head.safetensors      the head: `weight` (c, d) and `bias` (c,)
    backbone.safetensors  the backbone's weights, where it is a torch network
    source/               a copy of the local folder or file that the backbone came from
    model.onnx            network and head in one, for image models that export

Loading runs no code from the folder: safetensors, JSON and ONNX only.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from assay import __version__
from assay.contracts import Model
from assay.errors import DataError, NothingToAssessError, UnknownNameError, UsageError
from assay.ledger import RunFolder, TrialRow
from assay.ledger.views import data_labels, fullest, shown_models
from assay.run.states import load_state
from assay.spec import ModelRef
from assay.store.paths import write_text, write_whole

EXPORT_VERSION = 1
BATCH = 32


@dataclass(slots=True, kw_only=True)
class AdaptedModel:
    """A model that was adapted in a study, ready to predict."""

    model: Model
    """The backbone, with its own preprocessing."""
    weight: NDArray[np.float64]
    """(c, d), or (1, d) for regression."""
    bias: NDArray[np.float64]
    """(c,)."""
    card: dict[str, Any]
    """What `model.json` says."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes; empty for regression."""
        return tuple(self.card["labels"])

    def predict_scores(self, items: Sequence[Any]) -> NDArray[np.float64]:
        """(n, c) probabilities, or (n, 1) values for regression, of images, texts or other items."""
        blocks = [self._block(items[at : at + BATCH]) for at in range(0, len(items), BATCH)]
        return np.concatenate(blocks) if blocks else np.empty((0, len(self.bias)))

    def predict(self, items: Sequence[Any]) -> list[Any]:
        """The label of each item: a class name, a list of class names for multilabel, a number for regression."""
        scores = self.predict_scores(items)
        kind = self.card["task"]
        if kind == "regression":
            return [float(value) for value in scores[:, 0]]
        if kind == "multilabel":
            return [[self.labels[k] for k in np.flatnonzero(row >= 0.5)] for row in scores]
        return [self.labels[int(k)] for k in scores.argmax(axis=1)]

    def _block(self, items: Sequence[Any]) -> NDArray[np.float64]:
        features = self.model.encode(self.model.collate(items)).astype(np.float64)
        logits = features @ self.weight.T + self.bias
        if self.card["task"] == "regression":
            return logits
        if self.card["task"] == "multilabel":
            return 1.0 / (1.0 + np.exp(-logits))
        if logits.shape[1] == 1:
            logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        return odds / odds.sum(axis=1, keepdims=True)


def export(folder: RunFolder, model: str, path: Path, *, data: str | None = None, recipe: str | None = None,
           onnx: bool = True, trust: bool = False) -> dict[str, Any]:  # fmt: skip
    """Write the best adapted form of a model of a run into a new folder; returns its card.

    Args:
        folder: The run.
        model: The model's name as reports show it, or as it was typed.
        path: The folder to write; new or empty.
        data: Which data set's adaptation, where the run has several.
        recipe: Which recipe, where the run has several; the one with the best validation score otherwise.
        onnx: Write `model.onnx` too where the network exports.
        trust: The user's word that the backbone's own file may be loaded.

    Raises:
        UnknownNameError: when the run has no such model, data set or recipe.
        NothingToAssessError: when no trial of it has kept what serving needs.
    """
    from assay.sources.models import load_model

    if path.exists() and any(path.iterdir()):
        raise UsageError(f"{path} is not empty; name a new folder")
    row, info = _chosen(folder, model, data, recipe)
    state = load_state(folder.paths, row.key)
    ref = ModelRef.parse(row.model)
    record = folder.ledger.get("data")[row.data]
    backbone = load_model(ref, offline=True, trust=trust, seed=int(folder.study().get("seed", 0)))
    path.mkdir(parents=True, exist_ok=True)
    _write_arrays(path / "head.safetensors", {"weight": state.pop("weight"), "bias": state.pop("bias")})
    if backbone.network is not None:
        _write_backbone(path / "backbone.safetensors", backbone.network, state)
    card = {
        "export_version": EXPORT_VERSION, "assay": __version__, "model": info["label"], "uri": _copied(ref, path),
        "revision": row.model_revision, "recipe": row.method, "params": row.params, "task": record["task"],
        "labels": record["classes"], "data": record["label"], "scores": row.scores, "smoke": row.smoke,
        "preprocessing": info.get("preprocessing", {}), "licence": info.get("licence", ""), "key": row.key,
    }  # fmt: skip
    write_text(path / "model.json", json.dumps(card, indent=1, sort_keys=True, allow_nan=False))
    card["onnx"] = _write_onnx(load(path), path / "model.onnx") if onnx else "not asked for"
    write_text(path / "model.json", json.dumps(card, indent=1, sort_keys=True, allow_nan=False))
    return card


def load(path: str | Path, *, trust: bool = False) -> AdaptedModel:
    """The adapted model that `export` wrote.

    Raises:
        DataError: when the folder holds no exported model, or one of a newer version.
    """
    from assay.sources.models import load_model

    root = Path(path)
    try:
        card = json.loads((root / "model.json").read_text(encoding="utf-8"))
        head = load_file(root / "head.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise DataError(f"{root} holds no exported model ({error}); write one with: assay export RUN MODEL") from error
    if card["export_version"] > EXPORT_VERSION:
        raise DataError(f"{root} was written by Assay {card['assay']}; upgrade with: pip install --upgrade assay")
    ref = ModelRef.parse(card["uri"])
    if card["uri"].partition(":")[2].startswith("source/"):
        ref = replace(ref, name=str(root / ref.name))
    backbone = load_model(ref, offline=True, trust=trust)
    if (root / "backbone.safetensors").exists():
        _read_backbone(root / "backbone.safetensors", backbone.network)
    return AdaptedModel(
        model=backbone, weight=head["weight"].astype(np.float64), bias=head["bias"].astype(np.float64), card=card
    )


def _chosen(folder: RunFolder, model: str, data: str | None, recipe: str | None) -> tuple[TrialRow, dict[str, Any]]:
    """The trial to export: first draw and seed, best on its validation rows among the recipes asked for."""
    place, shown, labels = str(folder.paths.root), shown_models(folder), data_labels(folder)
    uris = {uri for uri, info in shown.items() if model in (uri, info["label"])}
    if not uris:
        raise UnknownNameError("model", model, [info["label"] for info in shown.values()], where=place)
    mine = [row for row in folder.trials() if row.model in uris and row.role == "model" and row.status == "ok"]
    names = sorted({labels[row.data] for row in mine})
    if data is None and len(names) > 1:
        raise UsageError(f"{model} was adapted to several data sets; choose one with --data: {', '.join(names)}")
    if data is not None and data not in {*names, *(row.data for row in mine)}:
        raise UnknownNameError("data set", data, names, where=place)
    if recipe is not None and recipe not in {row.method for row in mine}:
        raise UnknownNameError("recipe", recipe, {row.method for row in mine}, where=model)
    mine = [row for row in mine if data in (None, row.data, labels[row.data]) and recipe in (None, row.method)]
    kept = [row for row in mine if (folder.paths.states / f"{row.key}.safetensors").exists()]
    if not kept:
        raise NothingToAssessError(
            f"no trial of {model} kept a head that can be served; the recipes probe, ridge and finetune do"
        )
    full = fullest(kept)
    metric = str(folder.ledger.get("data")[full[0].data]["metrics"][0])
    best = max(full, key=lambda row: _higher(metric, (row.scores.get("valid") or row.scores["test"]).get(metric)))
    return best, shown[best.model]


def _higher(metric: str, value: float | None) -> float:
    from assay.metrics import METRICS

    if value is None:
        return -np.inf
    return value if METRICS[metric].higher_is_better else -value


def _copied(ref: ModelRef, path: Path) -> str:
    """The name under which `load` finds the backbone; a local folder or file is copied beside the head."""
    name, question, options = ref.name.partition("?")
    local = Path(name).expanduser()
    if ref.source == "py" or not local.exists():
        return ref.uri
    target = path / "source" / local.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if local.is_dir():
        shutil.copytree(local, target, dirs_exist_ok=True)
    else:
        shutil.copy2(local, target)
    return f"{'random:' if ref.untrained else ''}{ref.source}:source/{local.name}{question}{options}"


def _write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    from safetensors.numpy import save_file

    whole = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    write_whole(path, lambda temporary: save_file(whole, temporary))


def _write_backbone(path: Path, network: Any, tuned: dict[str, np.ndarray]) -> None:
    """The network's weights, those that were trained replaced by what was learned."""
    import torch

    weights = {name: value.detach().cpu().clone().contiguous() for name, value in network.state_dict().items()}
    for name, values in tuned.items():
        weights[name] = torch.as_tensor(values)
    from safetensors.torch import save_file

    write_whole(path, lambda temporary: save_file(weights, temporary))


def _read_backbone(path: Path, network: Any) -> None:
    from safetensors.torch import load_file as load_tensors

    network.load_state_dict(load_tensors(path), strict=True)


def _write_onnx(adapted: AdaptedModel, path: Path) -> str:
    """Network and head in one ONNX file, for image models; what came of it, in words."""
    network = adapted.model.network
    if network is None or adapted.model.info.modality != "image":
        return "only image models on a torch network are exported to ONNX"
    try:
        import torch
        from PIL import Image

        class Whole(torch.nn.Module):
            """The backbone, then the head's logits."""

            def __init__(self) -> None:
                super().__init__()
                self.network = network
                self.head = torch.nn.Linear(adapted.weight.shape[1], adapted.weight.shape[0])
                self.head.weight.data = torch.as_tensor(adapted.weight, dtype=torch.float32)
                self.head.bias.data = torch.as_tensor(adapted.bias, dtype=torch.float32)

            def forward(self, pixels: Any) -> Any:
                return self.head(self.network(pixels=pixels))

        batch = adapted.model.collate([Image.new("RGB", (64, 64))] * 2)
        whole = Whole().eval()
        program = torch.onnx.export(
            whole, (torch.as_tensor(batch["pixels"]),), dynamo=True, verbose=False,
            dynamic_shapes={"pixels": {0: torch.export.Dim("batch")}},
        )  # fmt: skip
        assert program is not None
        write_whole(path, lambda temporary: program.save(str(temporary)))
    except Exception as error:
        return f"not exported: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return "model.onnx"
