"""Zero-shot: the class whose name, read by the model's own text side, points where the item does.

Nothing is learned, so there are no training rows and no validation rows: this is budget 0 of the label curve. Class
names are read at once for all jobs that share them, a few texts each, and never stored among the items' features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.adapt.job import as_predicted, each, failure, features_of, predict_parts
from assay.adapt.linear import blocks
from assay.adapt.parameters import Parameter, defaults_of
from assay.canon import key_of
from assay.contracts import Adapted, AdaptJob, Model, TextSide
from assay.errors import NonFiniteError, UsageError

TEMPLATES = {"image": ("a photo of a {}.",), "text": ("{}",)}
"""Modality → prompts where the study names none; the one for images is CLIP's own."""
SCALE = 20.0
"""What cosines are multiplied by where the model states nothing: the usual one of sentence encoders' training."""
BATCH = 64


class ZeroShot:
    """Nearest class name by cosine, the names put into prompts and read by the model's own text side.

    For models of images and texts (`hf:` of CLIP, SigLIP and their kin), and for texts with any text model, which reads
    names as it reads items. Of use before a single label is there, and as the floor that labels must beat; where class
    names are codes that mean nothing to a reader it cannot work. For classes only; `_` in a name becomes a space.

    Notes:
        The vector of a class is the mean of its prompts' unit vectors, brought to length one again. Probabilities are
        the softmax of cosines times a scale: the model's own, or 20 where it states none. They are not calibrated on
        anything.

    References:
        Radford et al. (2021). Learning Transferable Visual Models From Natural Language Supervision. Sections 3.1.2 and
        3.1.4 (prompts, and ensembles of them). Reimers and Gurevych (2019). Sentence-BERT (the scale of 20 is that of
        its library's losses).
    """

    method = "zeroshot"
    parameters: Mapping[str, Parameter] = {
        "templates": Parameter(
            kind="texts", default=None, optional=True, holding="{}",
            about="Prompts with {} where the class name goes; `a photo of a {}.` for images and the name alone for "
            "texts unless named.",
        ),
        "class_names": Parameter(
            kind="names", default=None, optional=True, about="Class as the data name it → words for the prompts."
        ),
        "temperature": Parameter(
            default="own", choices=("own",), above=0,
            about="Divides the cosines before the softmax; `own`: as the model was trained.",
        ),
    }  # fmt: skip
    defaults: Mapping[str, Any] = defaults_of(parameters)
    needs: Literal["features", "network", "targets", "words"] = "words"

    def run(self, jobs: Sequence[AdaptJob]) -> list[Adapted]:
        """One result a job, in order; loading the text side is not counted as adaptation."""
        try:
            reader = _Reader(side=side_of(jobs[0].model), modality=_modality(jobs[0]))
        except Exception as error:
            return [failure(error) for _ in jobs]
        return _shared_out(each(jobs, reader.classify))


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Classifies jobs that share a model; the vectors of the same classes and prompts are made once."""

    side: TextSide
    modality: str
    known: dict[str, NDArray[np.float64]] = field(default_factory=dict[str, NDArray[np.float64]])

    def classify(self, job: AdaptJob) -> Adapted:
        if job.task.kind not in ("binary", "multiclass"):
            raise UsageError(
                f"zeroshot predicts one class an item, and the task is {job.task.kind}; use knn, ridge or probe"
            )
        x, params = features_of(job), job.spec.recipe.params
        names = words_of(job.task.classes, params["class_names"])
        templates = params["templates"] or TEMPLATES.get(self.modality, ("{}",))
        vectors = self._vectors(names, templates)
        own = self.side.scale or SCALE
        scale = own if params["temperature"] == "own" else 1.0 / float(params["temperature"])
        return Adapted(
            parts=predict_parts(job, lambda rows: as_predicted(
                job.task.kind, scale * self._cosines(x, np.asarray(rows), vectors))),
            chosen={"templates": list(templates), "class_names": list(names), "temperature": 1.0 / scale},
        )  # fmt: skip

    def _vectors(self, names: Sequence[str], templates: Sequence[str]) -> NDArray[np.float64]:
        key = key_of([names, templates])
        if key not in self.known:
            self.known[key] = class_vectors(self.side, names, templates)
        return self.known[key]

    def _cosines(self, x: NDArray[np.float32], rows: NDArray[np.int_], vectors: NDArray[np.float64]) -> NDArray[Any]:
        found = np.empty((len(rows), len(vectors)))
        for part in blocks(len(rows)):
            items = x[rows[part]]
            if not np.isfinite(items).all():
                raise NonFiniteError("features hold NaN or infinity")
            found[part] = _unit(self.side.project(items)) @ vectors.T
        return found


def class_vectors(side: TextSide, names: Sequence[str], templates: Sequence[str]) -> NDArray[np.float64]:
    """(c, p) unit vectors of classes: the mean over templates of the unit vectors of their prompts.

    Raises:
        NonFiniteError: the text side gives NaN or infinity.
    """
    prompts = [template.replace("{}", name) for template in templates for name in names]
    read = [side.encode(prompts[at : at + BATCH]) for at in range(0, len(prompts), BATCH)]
    vectors = np.concatenate(read)
    if not np.isfinite(vectors).all():
        raise NonFiniteError("the vectors of the class names hold NaN or infinity")
    return _unit(_unit(vectors).reshape(len(templates), len(names), -1).mean(axis=0))


def words_of(classes: Sequence[str], class_names: Mapping[str, str] | None) -> tuple[str, ...]:
    """What the prompts say of each class: the words given for it, else its name with spaces for underscores.

    Raises:
        UsageError: names without a single letter, which say nothing to a reader; they are listed.
    """
    given = class_names or {}
    words = tuple(given.get(name, name).replace("_", " ").strip() for name in classes)
    mute = [name for name, word in zip(classes, words, strict=True) if not any(letter.isalpha() for letter in word)]
    if mute:
        shown = ", ".join(mute[:5]) + (", …" if len(mute) > 5 else "")
        raise UsageError(
            f"zeroshot reads class names, and {len(mute)} of {len(classes)} hold no word: {shown}; give words for "
            f"them, as in class_names: {{'{mute[0]}': its name}}"
        )
    return words


def side_of(model: Model | None) -> TextSide:
    """The text side of a model; of a model of texts, the model itself.

    Raises:
        UsageError: the model cannot read words into the space of its items; the message says why.
    """
    if model is None:
        raise UsageError("zeroshot reads class names by the model itself, and the job brings no model")
    if model.info.modality == "text":
        return _Itself(model)
    try:
        own = getattr(model, "text_side", None)
        if own is None:
            raise UsageError(f"it reads {model.info.modality} only")
        return own()
    except UsageError as error:
        raise UsageError(
            f"{model.ref.uri} has no text side: {error}; zero-shot needs a model of images and texts from hf: (CLIP, "
            "SigLIP), or for texts a model of texts; use centroid or probe here"
        ) from error


@dataclass(frozen=True, slots=True)
class _Itself:
    """The text side of a model of texts."""

    model: Model
    scale: float | None = None

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.model.encode(self.model.collate(texts))

    def project(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return features


def _modality(job: AdaptJob) -> str:
    return "" if job.model is None else job.model.info.modality


def _shared_out(results: Sequence[Adapted]) -> list[Adapted]:
    """The results, the seconds of reading the names shared evenly among the jobs that succeeded."""
    seconds = [result.seconds for result in results if result.seconds is not None]
    return [result if result.seconds is None else replace(result, seconds=sum(seconds) / len(seconds))
            for result in results]  # fmt: skip


def _unit(vectors: NDArray[Any]) -> NDArray[np.float64]:
    """(n, p) rows of length one; a row of zeros stays."""
    vectors = np.asarray(vectors, dtype=np.float64)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


ZEROSHOT = ZeroShot()
