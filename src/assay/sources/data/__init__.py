"""One file a place that data come from."""
