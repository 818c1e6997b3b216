"""What a search for channel spaces found: the spaces, who reads them, and what had to be left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from mstasks.errors import UsageError
from mstasks.sparsity.space import Member, Space

Scope = Literal["shared", "backbone"]
Kind = Literal["channel", "input-channel", "output-channel"]


class SpacesError(UsageError, ValueError):
    """A network, or a part of it, cannot be made sparse as asked; the message names the layer."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """A layer whose channels are no groups.

    Attributes:
        name: The layer; for channels that several layers share, the first of them.
        size: Its channels.
        parameters: The parameters of the scope that would have been members.
        reason: Why, for a person: it names the layer where the trouble is.
    """

    name: str
    size: int
    parameters: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Spaces:
    """The channel spaces of a network.

    Attributes:
        kind: What a group is.
        scope: Where groups were looked for.
        spaces: The spaces, in the order of the network's layers; no parameter entry is in two of them.
        excluded: Layers of the scope without groups, and why.
        consumers: By space, of kind ``channel`` only: what leaves the network with a channel but is no member of its
            group. Columns (dimension 1) of the layers that read it, heads included, and rows (dimension 0) outside the
            scope that are tied to it, such as a depthwise filter of a head.
    """

    kind: Kind
    scope: Scope
    spaces: tuple[Space, ...]
    excluded: tuple[Excluded, ...]
    consumers: Mapping[str, tuple[Member, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the spaces, in order."""
        return tuple(space.name for space in self.spaces)

    @property
    def sizes(self) -> Tensor:
        """Channels of each space, int64, shape (spaces,)."""
        return torch.tensor([space.size for space in self.spaces], dtype=torch.int64)

    @property
    def floors(self) -> Tensor:
        """Channels of each space that always stay, int64, shape (spaces,)."""
        return torch.tensor([space.floor for space in self.spaces], dtype=torch.int64)

    def counts(self, alive: Mapping[str, Tensor]) -> Tensor:
        """Alive channels of each space, int64, shape (spaces,), on the CPU.

        Args:
            alive: By space, a bool tensor of its size.
        """
        return torch.stack([alive[space.name].sum() for space in self.spaces]).cpu()


def parts_of(scope: Scope) -> tuple[str, ...]:
    """The parts of a network that a scope covers.

    Raises:
        ValueError: If there is no such scope.
    """
    parts = {"shared": ("backbone", "trunk"), "backbone": ("backbone",)}
    if scope not in parts:
        raise ValueError(f"`scope` must be 'shared' or 'backbone'. Found {scope!r}.")
    return parts[scope]


def in_scope(name: str, scope: Scope) -> bool:
    """Whether a module or parameter of this name belongs to the scope."""
    return name.split(".", 1)[0] in parts_of(scope)
