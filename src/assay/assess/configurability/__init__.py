"""The configurability lens: what tuning buys, which settings matter, and what is safe to leave alone."""
