"""From items to a batch of arrays, with a model's own preprocessing; one file a modality."""
