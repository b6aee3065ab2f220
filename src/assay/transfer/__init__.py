"""Transferability scores: (features, labels) to a number, one paper a file."""
