"""Weights: reading them safely, fetching them, drawing an untrained twin's, naming and measuring them."""
