"""Removal for good: which groups are left, and what keeps the others at zero whatever the optimiser does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mstasks.sparsity.space import Space, along
from mstasks.sparsity.spaces import Spaces


class Mask(nn.Module):
    """The groups that were not removed.

    Zeroing weights is not enough: momentum revives a channel within a few steps, and behind a smooth activation a
    norm's shift alone does. So the members' moments are zeroed too, their gradients are masked, and the mask is applied
    again after every step, to averaged weights as well.

    Args:
        spaces: The groups.
    """

    def __init__(self, spaces: Spaces) -> None:
        super().__init__()
        self._spaces = spaces.spaces
        for index, space in enumerate(self._spaces):  # names of spaces hold dots, which buffers must not
            self.register_buffer(f"alive_{index}", torch.ones(space.size, dtype=torch.bool))
        self._touched: list[tuple[Space, Tensor]] | None = []
        self.register_load_state_dict_post_hook(lambda mask, _: mask._forget())  # type: ignore[no-untyped-call]

    @property
    def alive(self) -> dict[str, Tensor]:
        """By space, the groups that were not removed, bool, shape (size,)."""
        return {space.name: self.get_buffer(f"alive_{index}") for index, space in enumerate(self._spaces)}

    @torch.no_grad()
    def remove(self, dead: Mapping[str, Tensor], parameters: Mapping[str, Tensor], optimizer: Optimizer | None) -> None:
        """Remove groups: their weights and the optimiser's moments become zero.

        Args:
            dead: By space, the groups to remove, bool, shape (size,); spaces may be missing.
            parameters: The members' parameters by name.
            optimizer: Of these parameters; None if it has not moved them yet, and so holds no moments.
        """
        for name, alive in self.alive.items():
            if name in dead:
                alive &= ~dead[name].to(alive.device)
        self._forget()
        self.apply_to(parameters)
        for space, alive in self._removed():
            for moments in [] if optimizer is None else _moments(space, parameters, optimizer):
                _scale(space, moments, alive)

    def apply_to(self, parameters: Mapping[str, Tensor]) -> None:
        """Make the removed groups zero in parameters, or in tensors shaped like them."""
        for space, alive in self._removed():
            _scale(space, parameters, alive)

    def mask_gradients(self, parameters: Mapping[str, Tensor]) -> None:
        """Make the removed groups' gradients zero."""
        for space, alive in self._removed():
            names = (member.parameter for member in space.members)
            gradients = {name: parameters[name].grad for name in names}
            _scale(space, {name: gradient for name, gradient in gradients.items() if gradient is not None}, alive)

    def _removed(self) -> list[tuple[Space, Tensor]]:
        """Spaces that lost a group; looked up once after each change, since it waits for the device."""
        if self._touched is None:
            alive = self.alive
            pairs = [(space, alive[space.name]) for space in self._spaces]
            self._touched = [(space, mask) for space, mask in pairs if not bool(mask.all())]
        return self._touched

    def _forget(self) -> None:
        self._touched = None

    def _apply(self, fn: Any, recurse: bool = True) -> Any:  # moving to a device makes new buffers
        self._forget()
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]


def _moments(space: Space, parameters: Mapping[str, Tensor], optimizer: Optimizer) -> list[dict[str, Tensor]]:
    """The optimiser's tensors that are shaped like the members, one mapping for each kind of moment."""
    found: dict[str, dict[str, Tensor]] = {}
    for member in space.members:
        parameter = parameters[member.parameter]
        for kind, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                found.setdefault(kind, {})[member.parameter] = value
    return list(found.values())


@torch.no_grad()
def _scale(space: Space, tensors: Mapping[str, Tensor], alive: Tensor) -> None:
    """Multiply the members that are there, channel by channel."""
    for member in space.members:
        if member.parameter in tensors:
            part = member.slice(tensors[member.parameter], space.size)
            part.mul_(along(alive, part, member.dim))
