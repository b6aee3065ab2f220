"""What every recipe shares whose jobs share no work: its defaults, and a run that fits one job after another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from assay.adapt.job import each
from assay.adapt.parameters import Parameter, defaults_of
from assay.contracts import Adapted, AdaptJob


class OneByOne(ABC):
    """A recipe that fits each job alone; a subclass says its name, its parameters, what it needs, and how it fits."""

    method: str
    parameters: Mapping[str, Parameter] = {}
    needs: Literal["features", "network", "targets"]

    def __init__(self) -> None:
        self.defaults: Mapping[str, Any] = defaults_of(self.parameters)

    def run(self, jobs: Sequence[AdaptJob]) -> list[Adapted]:
        """One result a job, in order."""
        return each(jobs, self.fit)

    def filled(self, job: AdaptJob) -> dict[str, Any]:
        """The job's parameters, all of them."""
        return {**self.defaults, **job.spec.recipe.params}

    @abstractmethod
    def fit(self, job: AdaptJob) -> Adapted:
        """The result of one job."""
