"""The configurability lens: what tuning buys, which settings matter, and what is safe to leave alone."""

from assay.assess.configurability.lens import configurability
from assay.assess.configurability.trials import Trials, trials_from_frame

__all__ = ["Trials", "configurability", "trials_from_frame"]
