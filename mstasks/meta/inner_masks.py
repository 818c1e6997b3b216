"""What keeps removed groups at zero within an inner loop."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mstasks.sparsity.part import SparsePart


@torch.no_grad()
def inner_masks(part: SparsePart) -> Mapping[str, Tensor]:
    """By name, shaped like the parameter: 0 where a group was removed for good, else 1.

    An inner step along an unmasked gradient would bring the group back for the query pass. Empty if nothing was
    removed.
    """
    if bool(torch.stack([alive.all() for alive in part.alive.values()]).all()):
        return {}
    names = {member.parameter for space in part.spaces.values() for member in space.members}
    masks = {name: torch.ones_like(parameter) for name, parameter in part.parameters.items() if name in names}
    part.mask.apply_to(masks)
    return masks
