"""Arrays in, Estimates out; NumPy and SciPy only."""
