"""One file a place that models come from."""
