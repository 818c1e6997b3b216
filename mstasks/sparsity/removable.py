"""Which groups leave with the network's dead channels, for groups of any kind."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mstasks.sparsity.alive import alive_channels
from mstasks.sparsity.space import Space
from mstasks.sparsity.spaces import Spaces

_Positions = dict[tuple[str, int], set[int]]
"""Positions by parameter and dimension."""


def removable_groups(network: nn.Module, groups: Spaces, channels: Spaces) -> dict[str, Tensor]:
    """Groups whose entries are all gone once the dead channels are removed, as `mstasks.sparsity.compact` does.

    Args:
        network: Holds the weights, nothing removed.
        groups: Of any kind.
        channels: The network's spaces of kind ``channel``, of the same scope.

    Returns:
        By space of `groups`, bool, shape (size,), on the CPU.
    """
    leaving = _leaving(network, channels)
    return {
        space.name: torch.tensor([_leaves(space, group, leaving) for group in range(space.size)])
        for space in groups.spaces
    }


def _leaves(space: Space, group: int, leaving: _Positions) -> bool:
    return all(member.start + group in leaving.get((member.parameter, member.dim), ()) for member in space.members)


def _leaving(network: nn.Module, channels: Spaces) -> _Positions:
    positions: _Positions = {}
    for name, alive in alive_channels(network, channels).items():
        dead = (~alive).nonzero().flatten().tolist()
        if len(dead) == len(alive):
            dead = dead[1:]  # a space that is all dead keeps its first channel
        space = next(space for space in channels.spaces if space.name == name)
        for member in (*space.members, *channels.consumers[name]):
            positions.setdefault((member.parameter, member.dim), set()).update(member.start + c for c in dead)
    return positions
