"""Shipped with Assay: a fake for every seam, and the suite that every built-in and plugin must pass."""
