"""Engines: ways to run a model over batches. `assay.builtin.ENGINES` names them; each file holds one.

What `prepare` returns is called with a batch. It may carry `lanes`, from how many threads at once it may be called (1
without), and `settings`, what a reader should know of how it ran. An engine may carry `refuses(model, *, precision,
device)`, the reason why it cannot serve or an empty string, and what `auto` should expect of it before measuring:
`prepare_seconds`, and `typical_gain(model)`, how many times faster than plain torch.
"""
