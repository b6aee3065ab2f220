"""Engines: ways to run a model over batches. `assay.builtin.ENGINES` names them; each file holds one.

What `prepare` returns is called with a batch, from as many threads at once as its attribute `lanes` says.
"""
