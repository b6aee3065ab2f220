"""The reusability lens: how far a model carries to a task, and what carrying costs."""

from assay.assess.reusability.lens import reusability
from assay.assess.reusability.records import BudgetScore, Candidate, Similarity

__all__ = ["BudgetScore", "Candidate", "Similarity", "reusability"]
