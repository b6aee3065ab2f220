"""Recipes: from features or a network to predictions, one file each."""
