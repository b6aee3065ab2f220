"""From one row a token or place to one row an item, as a model declares it."""

from __future__ import annotations

from torch import Tensor

POOLINGS = ("mean", "cls", "last", "max")


def pool(hidden: Tensor, mask: Tensor | None, how: str) -> Tensor:
    """One row an item.

    Args:
        hidden: (b, t, d)
        mask: (b, t), 1 where a token is real; None where all are. Padding stands on the right.
        how: `mean` over the real tokens, `cls` the first, `last` the last real one, `max` the largest of the real ones.

    Returns:
        (b, d)
    """
    if how == "cls":
        return hidden[:, 0]
    if mask is None:
        return hidden[:, -1] if how == "last" else hidden.amax(dim=1) if how == "max" else hidden.mean(dim=1)
    real = mask.unsqueeze(-1).to(hidden.dtype)
    if how == "last":
        place = (mask.sum(dim=1) - 1).clamp(min=0)
        return hidden.gather(1, place[:, None, None].expand(-1, 1, hidden.shape[-1])).squeeze(1)
    if how == "max":
        return hidden.masked_fill(real == 0, float("-inf")).amax(dim=1)
    return (hidden * real).sum(dim=1) / real.sum(dim=1).clamp(min=1e-9)
