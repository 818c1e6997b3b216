"""The alive groups of all spaces side by side, as a choice across spaces needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mstasks.sparsity.spaces import Spaces


@dataclass(frozen=True, slots=True)
class Lineup:
    """N alive groups in the order of the spaces, and of the channels in each.

    Attributes:
        spaces: All spaces.
        alive: By space, bool, shape (size,), on the CPU.
    """

    spaces: Spaces
    alive: Mapping[str, Tensor]

    @classmethod
    def of(cls, spaces: Spaces, alive: Mapping[str, Tensor]) -> Lineup:
        """A copy on the CPU of which groups are alive."""
        return cls(spaces, {name: alive[name].cpu().clone() for name in spaces.names})

    @property
    def space_of(self) -> Tensor:
        """Index of each group's space, int64, shape (N,)."""
        indices = torch.arange(len(self.spaces.spaces))
        return indices.repeat_interleave(self.spaces.counts(self.alive))

    def values(self, by_space: Mapping[str, Tensor]) -> Tensor:
        """The alive groups' values, float64, shape (..., N), on the CPU.

        Args:
            by_space: Shape (..., size).
        """
        device_row = torch.cat([by_space[name] for name in self.spaces.names], dim=-1)  # one copy to the CPU, not many
        return device_row.cpu().double()[..., self._flat]

    def by_space(self, marked: Tensor) -> dict[str, Tensor]:
        """Which groups are marked, by space, bool, shape (size,).

        Args:
            marked: Bool, shape (N,).
        """
        row = torch.zeros_like(self._flat).masked_scatter_(self._flat, marked)
        return dict(zip(self.spaces.names, torch.split(row, self.spaces.sizes.tolist()), strict=True))

    @property
    def _flat(self) -> Tensor:
        return torch.cat([self.alive[name] for name in self.spaces.names])
