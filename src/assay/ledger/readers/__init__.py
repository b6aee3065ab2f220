"""Readers of other tools' results, one tool a file."""
