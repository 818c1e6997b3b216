"""A batch of labels of one target, with the mask that says which of them exist."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Target:
    """Labels of one target for a batch; shapes as `mstasks.TargetKind` lists them.

    Attributes:
        value: The labels. What stands where `valid` is False means nothing, but is always finite and in range.
        valid: Boolean; True where a label exists. A missing label is `valid` all False, never a magic number.
    """

    value: Tensor
    valid: Tensor

    def __post_init__(self) -> None:
        if self.valid.dtype != torch.bool:
            raise ValueError(f"`valid` must be boolean. Found {self.valid.dtype}.")
        if self.value.dim() != self.valid.dim():
            raise ValueError(
                f"`value` and `valid` must have the same number of dimensions. "
                f"Found {tuple(self.value.shape)} and {tuple(self.valid.shape)}."
            )

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: slice | Tensor) -> Target:
        return Target(self.value[index], self.valid[index])

    def labelled(self) -> Tensor:
        """Which examples have at least one valid element: boolean, shape (batch,)."""
        return self.valid.flatten(1).any(1)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Target:
        """The same labels on another device."""
        return Target(
            self.value.to(device, non_blocking=non_blocking), self.valid.to(device, non_blocking=non_blocking)
        )
