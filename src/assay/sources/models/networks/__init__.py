"""Networks as this package calls them: tensors in, one row of features an item out."""
