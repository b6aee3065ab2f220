"""Selection: which model to build on, with ties, regret and what would settle them."""

from assay.assess.selection.candidates import Background, Candidate, Run
from assay.assess.selection.lens import selection

__all__ = ["Background", "Candidate", "Run", "selection"]
