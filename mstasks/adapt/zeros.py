"""Zero stays zero: the sparse structure of a network through an adaptation."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mstasks.adapt.strategy import part_of
from mstasks.network import Network
from mstasks.sparsity.alive import zero_groups
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.mask import Mask
from mstasks.sparsity.spaces import Kind, Spaces, SpacesError


class KeptZeros:
    """The groups of the shared part that are zero now, and what keeps them there whatever the optimiser does.

    Call `mask_gradients` between the backward pass and the step, `apply` after the step. In training mode, norms see a
    dead channel as a constant, and their running variance of it goes to 0; with scale and shift zero it stays zero.

    A network without zero groups has nothing to hold; nor has one without groups, such as one with attention.

    Args:
        network: On its device; its parameters must stay the same objects.
        size: Height and width of its images.
        groups: What was made zero together, as in the recipe's `sparsity.groups`.
        beside: Heads that were not there when it was: one that ties channels together would hide what is zero.

    Raises:
        SpacesError: If the network has zero channels but cannot be traced, as with a head that looks at values.
    """

    def __init__(
        self, network: Network, size: tuple[int, int], groups: Kind = "channel", beside: Collection[str] = ()
    ) -> None:
        self._parameters = dict(network.named_parameters())
        self._mask: Mask | None = None
        with _without(network, beside):
            self._spaces, self._zero = find_zeros(network, size, groups)
        if any(bool(zero.any()) for zero in self._zero.values()):
            self._mask = Mask(self._spaces).to(next(network.parameters()).device)
            self._mask.remove(self._zero, self._parameters, optimizer=None)

    def mask_gradients(self) -> None:
        """Make the gradients of what is held zero."""
        if self._mask is not None:
            self._mask.mask_gradients(self._parameters)

    def apply(self) -> None:
        """Make what is held zero again."""
        if self._mask is not None:
            self._mask.apply_to(self._parameters)

    @property
    def held(self) -> dict[str, int]:
        """By part (``backbone``, ``trunk`` if there is one, ``heads.<task>``), the parameters that are held at zero."""
        counts = {part_of(name): 0 for name in self._parameters}
        for space in self._spaces.spaces:
            groups = int(self._zero[space.name].sum())
            for member in space.members:
                entries = member.slice(self._parameters[member.parameter], space.size).numel() // space.size
                counts[part_of(member.parameter)] += groups * entries
        return counts


@contextmanager
def _without(network: Network, tasks: Collection[str]) -> Iterator[None]:
    """The network without some heads, but never without any: the shared part is found from what reads it."""
    heads = network.heads
    kept = {name: head for name, head in heads.items() if name not in tasks}
    network.heads = nn.ModuleDict(kept or dict(heads.items()))
    try:
        yield
    finally:
        network.heads = heads


def find_zeros(network: Network, size: tuple[int, int], groups: Kind = "channel") -> tuple[Spaces, dict[str, Tensor]]:
    """The groups of the shared part, and which of them are zero.

    Args:
        network: Neither run nor changed.
        size: Height and width of its images.
        groups: What a group is.

    Returns:
        The spaces, none if the network has no groups; and by space a bool tensor of its size.

    Raises:
        SpacesError: If the network has zero channels but cannot be traced.
    """
    try:
        spaces = find_spaces(network, size, kind=groups)
    except SpacesError:
        if _has_zero_channels(network):
            raise
        return Spaces(groups, "shared", (), ()), {}
    parameters = dict(network.named_parameters())
    return spaces, {space.name: zero_groups(space, parameters) for space in spaces.spaces}


@torch.no_grad()
def _has_zero_channels(network: Network) -> bool:
    """Whether a convolution of the shared part has a zero row or column, as only sparse training leaves them."""
    layers = [module for part in network.shared.values() for module in part.modules() if isinstance(module, nn.Conv2d)]
    return any(not bool(layer.weight.any(dim=dims).all()) for layer in layers for dims in ((1, 2, 3), (0, 2, 3)))
