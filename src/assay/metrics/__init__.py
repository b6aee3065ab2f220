"""(targets, predictions) to a number, by scikit-learn's definitions."""
