"""A batch: images and targets of several samples as tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mstasks.data.layout import Layout
from mstasks.data.sample import Sample
from mstasks.target import Target
from mstasks.targets import TargetInfo, TargetKind


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


def collate(samples: Sequence[Sample], infos: Mapping[str, TargetInfo], memory: Tensor | None = None) -> Batch:
    """Samples of one size as tensors.

    A target that a sample lacks becomes zeros that are nowhere valid; so does what is not valid in one that it has.

    Args:
        samples: At least one; images and dense labels all of one height and width.
        infos: The targets of the batch.
        memory: Where the tensors will lie, as `Layout` says; None for memory of their own.

    Raises:
        ValueError: If a valid label is not finite, or a valid class index is not among the class names.
    """
    height, width = samples[0].image.shape[:2]
    layout = Layout(infos, (height, width))
    if memory is None:
        memory = torch.empty(layout.bytes(len(samples)), dtype=torch.uint8)
    images, targets = layout.tensors(memory, len(samples))
    for planes, sample in zip(images.numpy(), samples, strict=True):
        _split(sample.image, planes)
    for name, (value, valid) in targets.items():
        _fill(name, infos[name], samples, value.numpy(), valid.numpy())
    return Batch.of(tuple(sample.id for sample in samples), images, targets)


def _split(channels_last: NDArray[Any], planes: NDArray[Any]) -> None:
    """Write (H, W, 3) as (3, H, W); OpenCV does it many times faster than numpy.

    Raises:
        ValueError: If the sizes differ.
    """
    if channels_last.shape != (*planes.shape[1:], 3):
        raise ValueError(f"Samples of a batch must have one size. Found {channels_last.shape} and {planes.shape[1:]}.")
    cv2.split(np.ascontiguousarray(channels_last, planes.dtype), list(planes))


def _fill(
    name: str, info: TargetInfo, samples: Sequence[Sample], value: NDArray[Any], valid: NDArray[np.bool_]
) -> None:
    """Write each label once, where it belongs: channels first, in the type of the batch."""
    for sample, values, valids in zip(samples, value, valid, strict=True):
        raw = sample.targets.get(name)
        if raw is None:
            values[...], valids[...] = 0, False
            continue
        valids[...] = raw.valid
        if info.kind is TargetKind.VECTOR_MAP:
            _split(raw.value, values)
        else:
            values[...] = raw.value
        if not raw.valid.all():
            values[..., ~raw.valid] = 0
        _check(name, info, values, sample.id)


def _check(name: str, info: TargetInfo, values: NDArray[Any], id: str) -> None:
    """Stop a label that would end as NaN in the weights, or as an unreadable error on the GPU."""
    if info.kind is TargetKind.LABEL_MAP:
        low, high, allowed = 0.0, len(info.names) - 1.0, f"a class index from 0 to {len(info.names) - 1}"
    else:
        flat = values.reshape(-1)
        with np.errstate(over="ignore", invalid="ignore"):
            square = np.dot(flat, flat)  # takes a third of the time of both extremes
        if np.isfinite(square):  # else a label may merely be large
            return
        limit = float(np.finfo(np.float32).max)
        low, high, allowed = -limit, limit, "finite"
    wrong = [extreme for extreme in (float(values.min()), float(values.max())) if not low <= extreme <= high]
    if wrong:
        raise ValueError(f"A valid label of '{name}' must be {allowed}. Found {wrong[0]:g} in '{id}'.")
