"""Plan the trials, run them, resume them."""
