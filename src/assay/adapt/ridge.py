"""Ridge: least squares with a penalty, in closed form: the whole grid of penalties from one factorisation.

Minimises ‖Y − XW − b‖² + α‖W‖² on scaled features, scikit-learn's Ridge; the intercept is not penalised. Classes are
regressed as −1/+1 columns. In the eigenvectors of XᵀX every penalty costs one division, and the error of leaving out
each row follows without refitting: eᵢ = (yᵢ − ŷᵢ)/(1 − hᵢᵢ), PRESS.

References: Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, equations 3.47 and 7.64;
Allen (1974), The Relationship Between Variable Selection and Data Augmentation (PRESS).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from assay.adapt.choice import best_setting
from assay.adapt.job import as_predicted, each, features_of, predict_parts, read_rows, width_of
from assay.adapt.linear import LinearHead, Scale, blocks, full_width, measure_scale
from assay.adapt.parameters import Parameter, defaults_of
from assay.adapt.rotation import Rotated, own_basis
from assay.adapt.temperature import fit_temperature
from assay.contracts import Adapted, AdaptJob

ALPHAS = tuple(float(10.0 ** (k / 2)) for k in range(-4, 13))
"""Penalties for standardised features, from 0.01 to a million."""


class Ridge:
    """Regularised least squares, for regression and, as −1/+1 columns, for classes and labels.

    The quickest head with a choice of strength, and the one to take for regression. The penalty is chosen on the
    validation rows, or by leave-one-out on the training rows where there are none. Probabilities come from the outputs
    with one temperature, fitted on the rows that chose the penalty.
    """

    method = "ridge"
    parameters: Mapping[str, Parameter] = {
        "alpha": Parameter(kind="numbers", default=ALPHAS, above=0.0,
                           about="Penalty, as scikit-learn's Ridge has it; of several, the best is chosen."),
        "choose": Parameter(kind="choice", default="auto", choices=("auto", "valid", "loo"),
                            about="On which rows the penalty is chosen: validation rows, or training rows left out "
                                  "one at a time; auto takes validation rows where there are any."),
        "scale": Parameter(kind="choice", default="standard", choices=("standard", "global", "center"),
                           about="Whether each feature is divided by its deviation, all by one number, or not."),
    }  # fmt: skip
    defaults: Mapping[str, Any] = defaults_of(parameters)
    needs: Literal["features", "network", "targets"] = "features"

    def run(self, jobs: Sequence[AdaptJob]) -> list[Adapted]:
        """One result a job, in order; jobs with the same training rows share their factorisation."""
        factors: dict[tuple[bytes, str], Factor] = {}
        return each(jobs, lambda job: fit_ridge(job, {**self.defaults, **job.spec.recipe.params}, factors))


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """The factorisation of some training rows."""

    rotated: Rotated
    scale: Scale


def fit_ridge(job: AdaptJob, params: Mapping[str, Any], factors: dict[tuple[bytes, str], Factor]) -> Adapted:
    """Ridge for one job; `factors` keeps factorisations by rows and scaling."""
    x, rows = features_of(job), read_rows(job)
    wanted = params["choose"] == "valid" or (params["choose"] == "auto" and job.valid.size > 0)
    use_valid = wanted and rows.valid.size > 0
    fit, judge = (rows.fit, rows.valid) if use_valid else (rows.final, rows.final)
    alphas = sorted((float(alpha) for alpha in params["alpha"]), reverse=True)
    heads = _Solver(job, _factor(x, fit, params["scale"], factors), fit)

    outputs = (heads.head(a).outputs(x, judge) for a in alphas) if use_valid else (heads.loo(a) for a in alphas)
    alpha, scores = alphas[0], None
    if len(alphas) > 1 and judge.size > 1:
        index, scores = best_setting((as_predicted(job.task.kind, o) for o in outputs),
                                     np.asarray(job.targets)[judge], job.task.kind)  # fmt: skip
        alpha = alphas[index]
    temperature = _temperature(job, heads, alpha, x, judge, use_valid)
    if len(fit) != len(rows.final):
        heads = _Solver(job, _factor(x, rows.final, params["scale"], factors), rows.final)
    head = _sharpened(heads.head(alpha), temperature)
    return Adapted(
        parts=predict_parts(job, lambda positions: as_predicted(job.task.kind, head.outputs(x, positions))),
        chosen={"alpha": alpha, "grid": alphas, "valid_scores": scores, "temperature": temperature,
                "chosen_on": "valid" if use_valid else "loo"},
        state=head.state(),
    )  # fmt: skip


class _Solver:
    """Heads for every penalty from one factorisation."""

    def __init__(self, job: AdaptJob, factor: Factor, rows: NDArray[np.int_]) -> None:
        self.factor, self.width = factor, width_of(job.task)
        targets = np.asarray(job.targets)[rows]
        self.present = np.unique(targets) if job.task.kind in ("binary", "multiclass") else np.arange(self.width)
        y = _columns(job.task.kind, targets, self.width)[:, self.present]
        self.mean = y.mean(axis=0)
        self.centred = y - self.mean
        self.z = factor.rotated.z[:, :-1]
        self.moment = np.zeros((self.z.shape[1], self.centred.shape[1]))
        for part in blocks(len(rows)):
            self.moment += self.z[part].T.astype(np.float64) @ self.centred[part]

    def coefficients(self, alpha: float) -> NDArray[np.float64]:
        """(r, K) in the basis."""
        return self.moment / (self.factor.rotated.energy[:, None] + alpha)

    def head(self, alpha: float) -> LinearHead:
        """The head on unscaled features, over all classes."""
        weight = (self.factor.rotated.basis @ self.coefficients(alpha)).T
        return full_width(LinearHead.unscaled(weight, self.mean, self.factor.scale), self.present, self.width)

    def loo(self, alpha: float) -> NDArray[np.float64]:
        """(n, c) output for each training row of the head fitted without it."""
        z, energy = self.z, self.factor.rotated.energy
        share, coefficients = 1.0 / (energy + alpha), self.coefficients(alpha)
        out = np.full((len(z), self.width), -1e4)
        for part in blocks(len(z)):
            block = z[part].astype(np.float64)
            leverage = 1.0 / len(z) + (block**2) @ share
            error = (self.centred[part] - block @ coefficients) / np.maximum(1.0 - leverage, 1e-10)[:, None]
            out[part, self.present] = self.centred[part] + self.mean - error
        return out


def _factor(x: NDArray[np.float32], rows: NDArray[np.int_], scaling: Any,
            factors: dict[tuple[bytes, str], Factor]) -> Factor:  # fmt: skip
    key = (rows.tobytes(), scaling)
    if key not in factors:
        factors.clear()  # jobs come grouped by rows; one factorisation is kept
        scale = measure_scale(x, rows, scaling)
        factors[key] = Factor(rotated=own_basis(x, rows, scale), scale=scale)
    return factors[key]


def _columns(kind: str, targets: NDArray[Any], width: int) -> NDArray[np.float64]:
    if kind == "regression":
        return targets.astype(np.float64)[:, None]
    if kind == "multilabel":
        return 2.0 * targets - 1.0
    return 2.0 * np.eye(width)[targets] - 1.0


def _temperature(job: AdaptJob, heads: _Solver, alpha: float, x: NDArray[np.float32], judge: NDArray[np.int_],
                 use_valid: bool) -> float:  # fmt: skip
    if job.task.kind == "regression" or judge.size < 2:
        return 1.0
    outputs = heads.head(alpha).outputs(x, judge) if use_valid else heads.loo(alpha)
    return fit_temperature(outputs, np.asarray(job.targets)[judge], job.task.kind)


def _sharpened(head: LinearHead, temperature: float) -> LinearHead:
    absent = (head.bias <= -1e4) & ~head.weight.any(axis=1)
    bias = np.where(absent, head.bias, head.bias / temperature)
    return LinearHead(weight=head.weight / temperature, bias=bias, center=head.center)


RIDGE = Ridge()
