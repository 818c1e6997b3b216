"""Channel spaces: the groups of one layer, or of one set of coupled layers, as slices of parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Member:
    """The part of one parameter that belongs to a space: channel c owns position `start + c` along `dim`.

    Attributes:
        parameter: Name of the parameter, as in `named_parameters()` of the network.
        dim: Dimension that runs over the channels: 0 for the rows of a convolution, its bias and a norm's scale and
            shift, 1 for the columns of a convolution.
        start: Position of channel 0; not zero where the parameter holds several spaces one after the other.
    """

    parameter: str
    dim: int = 0
    start: int = 0

    def slice(self, tensor: Tensor, size: int) -> Tensor:
        """The `size` channels' positions of `tensor`, which is shaped like the parameter: itself, or a view of it.

        Raises:
            ValueError: If the tensor has fewer positions along `dim`.
        """
        if tensor.dim() <= self.dim or tensor.shape[self.dim] < self.start + size:
            raise ValueError(
                f"`{self.parameter}` must have at least {self.start + size} positions along dimension {self.dim}. "
                f"Found shape {tuple(tensor.shape)}."
            )
        if tensor.shape[self.dim] == size:  # the common case; a view would cost more than the check
            return tensor
        return tensor.narrow(self.dim, self.start, size)


@dataclass(frozen=True, slots=True)
class Space:
    """Groups that are pushed to zero with one strength: group c is channel c's slice of every member.

    Attributes:
        name: What tables and recipes call it.
        size: Channels C, which is also the number of groups.
        members: The parameters that share the channels; no position belongs to two members or two spaces.
        floor: Channels that always stay, from 0 (all may go) to C.
    """

    name: str
    size: int
    members: tuple[Member, ...]
    floor: int

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError(f"Space `{self.name}` must have at least one member.")
        if not 0 <= self.floor <= self.size:
            raise ValueError(f"`floor` of space `{self.name}` must be in [0, {self.size}]. Found {self.floor}.")

    def slices(self, tensors: Mapping[str, Tensor]) -> list[Tensor]:
        """One view per member of `tensors`, which maps parameter names to tensors of the parameters' shapes.

        The views have `size` positions along the member's `dim`; writing to them writes to the tensors.
        """
        return [member.slice(tensors[member.parameter], self.size) for member in self.members]

    @property
    def dims(self) -> tuple[int, ...]:
        """Channel dimension of each of `slices`."""
        return tuple(member.dim for member in self.members)


def default_floor(size: int) -> int:
    """Channels of a space of `size` that always stay unless a recipe says otherwise: a sixteenth, at least one."""
    return max(1, math.ceil(size / 16))


def group_size(space: Space, tensors: Mapping[str, Tensor]) -> int:
    """Entries |g| of each group; all groups of a space have the same number."""
    return sum(part.numel() for part in space.slices(tensors)) // space.size


def group_weight(space: Space, tensors: Mapping[str, Tensor]) -> float:
    """w_g = sqrt(|g|), which makes groups of different sizes comparable."""
    return math.sqrt(group_size(space, tensors))


def group_norms(space: Space, tensors: Mapping[str, Tensor]) -> Tensor:
    """Euclidean norm |v_g| of every group over all members, shape `(size,)`; its gradient at a zero group is zero."""
    return norms(space.slices(tensors), space.dims)


def with_slices(space: Space, tensors: Mapping[str, Tensor], slices: Sequence[Tensor]) -> dict[str, Tensor]:
    """Copy of `tensors` in which the space's slices are `slices`, as functional steps need it; differentiable."""
    replaced = dict(tensors)
    for member, part in zip(space.members, slices, strict=True):
        old = replaced[member.parameter]
        whole = part.shape == old.shape
        replaced[member.parameter] = (
            part if whole else old.slice_scatter(part, member.dim, member.start, member.start + space.size)
        )
    return replaced


def scale_groups(space: Space, tensors: Mapping[str, Tensor], factors: Tensor) -> None:
    """Multiply group c of every member by `factors[c]`, in place and outside autograd; `factors` has shape `(size,)`.

    A factor of zero gives exact zeros for finite weights.
    """
    with torch.no_grad():
        for part, dim in zip(space.slices(tensors), space.dims, strict=True):
            part.mul_(along(factors, part, dim))


def norms(slices: Sequence[Tensor], dims: Sequence[int]) -> Tensor:
    """Norm of each channel over all `slices`, whose channels run along `dims`; shape `(channels,)`."""
    parts = [slice_norms(part, dim) for part, dim in zip(slices, dims, strict=True)]
    return parts[0] if len(parts) == 1 else torch.linalg.vector_norm(torch.stack(parts), dim=0)


def slice_norms(part: Tensor, dim: int) -> Tensor:
    """Norm of each channel of one slice, shape `(channels,)`; its gradient at zero is zero."""
    others = [axis for axis in range(part.dim()) if axis != dim]
    if not others:  # `vector_norm` would reduce over all dimensions
        return part.abs()
    if dim == 0:
        norms: Tensor = torch.linalg.vector_norm(part, dim=others)
        return norms
    # On CPUs `vector_norm` is many times slower than this where it reduces over the leading dimension.
    squares = part.square().sum(others)
    zero = squares == 0
    return squares.masked_fill(zero, 1).sqrt().masked_fill(zero, 0)


def along(values: Tensor, like: Tensor, dim: int) -> Tensor:
    """View of per-channel `values`, shape `(channels,)`, that broadcasts along dimension `dim` of `like`."""
    return values.view([-1 if axis == dim else 1 for axis in range(like.dim())])
