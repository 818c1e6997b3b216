"""Channel counts that hardware likes: dead channels that stay, so that a space keeps a multiple of 8 or 16."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from mstasks.sparsity.spaces import Spaces


def round_up(spaces: Spaces, alive: Mapping[str, Tensor], multiple: int) -> dict[str, Tensor]:
    """Masks that keep so many dead channels that each space's count is a multiple, or all of the space if none fits.

    Dead channels change no prediction whether they stay or go, so the choice among them is free: those of the lowest
    index stay. A space without a live channel counts as having one, as `mstasks.sparsity.compact` leaves it.

    Args:
        spaces: The spaces.
        alive: By space, the channels that have to stay, bool, shape (size,); left as they are.
        multiple: At least 1; 1 keeps no dead channel.

    Returns:
        Masks like `alive`, True wherever it is.

    Raises:
        ValueError: If `multiple` is less than 1.
    """
    if multiple < 1:
        raise ValueError(f"`multiple` must be at least 1. Found {multiple}.")
    rounded = {}
    for space in spaces.spaces:
        mask = alive[space.name].clone()
        count = int(mask.sum())
        wanted = min(space.size, -(-max(count, 1) // multiple) * multiple)
        mask[(~mask).nonzero().flatten()[: wanted - count]] = True
        rounded[space.name] = mask
    return rounded
