"""Every path that Assay writes."""
