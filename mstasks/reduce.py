"""Per-example reduction of element losses."""

from __future__ import annotations

from torch import Tensor


def per_example_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean of each example over its own valid elements.

    Args:
        values: Any float shape (batch, ...); may be anything, NaN included, where not valid.
        valid: Boolean, broadcastable to ``values``.

    Returns:
        Shape (batch,); exactly 0 with exactly zero gradient for an example without a valid element.
    """
    valid = valid.expand_as(values)
    kept = values.masked_fill(~valid, 0.0).flatten(1).sum(1)
    return kept / valid.flatten(1).sum(1).clamp(min=1)
