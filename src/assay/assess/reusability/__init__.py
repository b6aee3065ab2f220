"""The reusability lens: how far a model carries to a task, and what carrying costs."""

from assay.assess.reusability.lens import reusability
from assay.assess.reusability.reading import Columns
from assay.assess.reusability.records import (
    BudgetScore,
    Candidate,
    Complexity,
    Moment,
    Similarity,
    Training,
)

__all__ = ["BudgetScore", "Candidate", "Columns", "Complexity", "Moment", "Similarity", "Training", "reusability"]
