"""A batch: images and targets of several samples as tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from mstasks.target import Target


@dataclass(frozen=True, slots=True)
class Batch:
    """Several samples of one size.

    Attributes:
        ids: Their ids.
        images: RGB, uint8 (batch, 3, height, width).
        targets: By target name, shapes as `mstasks.TargetKind` lists them.
    """

    ids: tuple[str, ...]
    images: Tensor
    targets: Mapping[str, Target]

    @classmethod
    def of(cls, ids: tuple[str, ...], images: Tensor, targets: Mapping[str, tuple[Tensor, Tensor]]) -> Batch:
        """A batch of these tensors; each target's values and validity."""
        return cls(ids, images, {name: Target(value, valid) for name, (value, valid) in targets.items()})

    def __len__(self) -> int:
        return len(self.ids)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The same batch on another device."""
        targets = {name: target.to(device, non_blocking) for name, target in self.targets.items()}
        return Batch(self.ids, self.images.to(device, non_blocking=non_blocking), targets)

    def pin_memory(self) -> Batch:
        """The same batch in page-locked memory, from where copies to a GPU are faster; torch's loader calls this."""
        pinned = {name: Target(t.value.pin_memory(), t.valid.pin_memory()) for name, t in self.targets.items()}
        return Batch(self.ids, self.images.pin_memory(), pinned)

    @staticmethod
    def interleave(even: Batch, odd: Batch) -> Batch:
        """Two batches of one length as one, whose even positions are the first's and whose odd ones the second's."""
        ids = tuple(id for pair in zip(even.ids, odd.ids, strict=True) for id in pair)
        targets = {
            name: Target(
                _alternate(target.value, odd.targets[name].value), _alternate(target.valid, odd.targets[name].valid)
            )
            for name, target in even.targets.items()
        }
        return Batch(ids, _alternate(even.images, odd.images), targets)

    def take(self, positions: Sequence[int]) -> Batch:
        """The samples at these positions, copied."""
        index = torch.tensor(positions, device=self.images.device)
        targets = {name: target[index] for name, target in self.targets.items()}
        return Batch(tuple(self.ids[position] for position in positions), self.images[index], targets)

    def split(self, parts: int) -> list[Batch]:
        """Consecutive micro-batches, as equal as can be; views, not copies.

        Raises:
            ValueError: If there are more parts than samples.
        """
        if not 1 <= parts <= len(self):
            raise ValueError(f"A batch of {len(self)} cannot be split into {parts} parts.")
        bounds = [len(self) * part // parts for part in range(parts + 1)]
        return [self._slice(slice(low, high)) for low, high in pairwise(bounds)]

    def _slice(self, part: slice) -> Batch:
        return Batch(self.ids[part], self.images[part], {name: target[part] for name, target in self.targets.items()})


def _alternate(even: Tensor, odd: Tensor) -> Tensor:
    return torch.stack([even, odd], dim=1).flatten(0, 1)
