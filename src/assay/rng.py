"""Named random streams: each purpose gets its own generator, derived from a seed and a key.

Adding a model, a trial or a lens therefore changes no other draw. Nothing here or elsewhere touches
NumPy's global state.
"""

from __future__ import annotations

import numpy as np

from assay.canon import key_of


def stream(seed: int, *names: object) -> np.random.Generator:
    """The generator for (seed, names): the same arguments give the same stream, on every machine."""
    digest = key_of([seed, *[str(name) for name in names]])
    return np.random.default_rng(np.random.SeedSequence([int(digest[i : i + 8], 16) for i in range(0, 32, 8)]))


def seed_of(seed: int, *names: object) -> int:
    """A 31-bit seed for libraries that take an integer."""
    return int(stream(seed, *names).integers(2**31 - 1))
