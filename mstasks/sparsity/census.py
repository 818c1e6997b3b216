"""What is zero in a network, and what of it can be removed."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mstasks.sparsity.alive import alive_channels, zero_groups
from mstasks.sparsity.spaces import Spaces, in_scope


@dataclass(frozen=True, slots=True)
class SpaceCensus:
    """One space of groups.

    Attributes:
        size: Its groups.
        zero: Groups that are exactly zero.
    """

    size: int
    zero: int


@dataclass(frozen=True, slots=True)
class Census:
    """Counts of exact zeros, without tolerance.

    Attributes:
        groups: By space, the groups that the network was trained with.
        channels: Channels left by channel space once the dead ones are removed, at least one in each.
        weights: Entries of the scope's convolution weights.
        zero_weights: Those that are zero.
    """

    groups: dict[str, SpaceCensus]
    channels: dict[str, int]
    weights: int
    zero_weights: int

    @property
    def zero_groups(self) -> float:
        """Fraction of groups that are zero, over all spaces, in [0, 1]."""
        return sum(row.zero for row in self.groups.values()) / sum(row.size for row in self.groups.values())

    @property
    def zero_weights_fraction(self) -> float:
        """Fraction of convolution weights that are zero, in [0, 1]."""
        return self.zero_weights / max(self.weights, 1)


def take_census(network: nn.Module, groups: Spaces, channels: Spaces) -> Census:
    """Count what is zero.

    Args:
        network: Holds the weights, nothing removed.
        groups: What it was trained with, of any kind.
        channels: The network's channel spaces, of the same scope.
    """
    tensors = dict(network.named_parameters())
    rows = {space.name: SpaceCensus(space.size, int(zero_groups(space, tensors).sum())) for space in groups.spaces}
    alive = alive_channels(network, channels)
    counts = channels.counts(alive).clamp(min=1)
    weights = _convolution_weights(network, channels)
    return Census(
        groups=rows,
        channels=dict(zip(channels.names, counts.tolist(), strict=True)),
        weights=sum(weight.numel() for weight in weights),
        zero_weights=sum(weight.numel() - int(weight.count_nonzero()) for weight in weights),
    )


def _convolution_weights(network: nn.Module, spaces: Spaces) -> list[Tensor]:
    return [
        module.weight
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d) and in_scope(name, spaces.scope)
    ]
