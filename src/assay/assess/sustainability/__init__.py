"""Sustainability: will a conclusion hold on other tasks, on the same tasks again, and later?"""

from assay.assess.sustainability.lens import sustainability
from assay.assess.sustainability.options import Goals, Reading

__all__ = ["Goals", "Reading", "sustainability"]
