"""One file a place that models come from; `load_model` and `describe_model` are the doors."""

from assay.sources.models.loading import describe_model, load_model

__all__ = ["describe_model", "load_model"]
