"""Recipes that train or change the network itself: fine-tuning, low-rank adapters, compression, zero-shot."""
