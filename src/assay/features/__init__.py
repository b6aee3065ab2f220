"""Features: frozen outputs of a model for the items of a data set, computed once and kept.

`extract.extract` is the one door; `cost.estimate_cost` says beforehand what it would take.
"""
