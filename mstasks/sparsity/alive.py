"""Which groups are zero and which channels can be removed, read off the weights: exact zeros, without tolerance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from mstasks.sparsity.space import Member, Space
from mstasks.sparsity.spaces import Spaces


def zero_groups(space: Space, tensors: Mapping[str, Tensor]) -> Tensor:
    """Which groups of a space are zero in every member, bool, shape (size,).

    Args:
        space: The space.
        tensors: The parameters by name.
    """
    return _all_zero(space.members, space.size, tensors)


def alive_channels(network: nn.Module, spaces: Spaces) -> dict[str, Tensor]:
    """Which channels have to stay, by space, bool, shape (size,).

    A channel can go if its group is zero, or if every column that reads it is, as input-channel groups leave it.

    Args:
        network: Holds the weights.
        spaces: Of kind ``channel``.

    Raises:
        ValueError: If the spaces are of another kind.
    """
    require_coupled(spaces)
    tensors = dict(network.named_parameters())
    alive = {}
    for space in spaces.spaces:
        columns = [member for member in spaces.consumers[space.name] if member.dim == 1]
        unread = _all_zero(columns, space.size, tensors)
        alive[space.name] = ~(zero_groups(space, tensors) | unread)
    return alive


def require_coupled(spaces: Spaces) -> None:
    """Refuse spaces whose channels cannot be removed.

    Raises:
        ValueError: If the spaces are not of kind ``channel``.
    """
    if spaces.kind != "channel":
        raise ValueError(
            f"Only spaces of kind 'channel' say which channels can be removed. Found {spaces.kind!r}; "
            "find the network's spaces again with kind='channel'."
        )


@torch.no_grad()
def _all_zero(members: Iterable[Member], size: int, tensors: Mapping[str, Tensor]) -> Tensor:
    zeros = []
    for member in members:
        entries = member.slice(tensors[member.parameter], size)
        others = [axis for axis in range(entries.dim()) if axis != member.dim]
        zeros.append(~(entries.any(dim=others) if others else entries.bool()))
    return torch.stack(zeros).all(dim=0)
