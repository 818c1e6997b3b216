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

from mstasks.data.sample import RawTarget, Sample
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


def collate(samples: Sequence[Sample], infos: Mapping[str, TargetInfo]) -> Batch:
    """Samples of one size as tensors.

    A target that a sample lacks becomes zeros that are nowhere valid; so does what is not valid in one that it has.

    Args:
        samples: At least one; images and dense labels all of one height and width.
        infos: The targets of the batch.

    Raises:
        ValueError: If a valid label is not finite, or a valid class index is not among the class names.
    """
    height, width = samples[0].image.shape[:2]
    images = np.empty((len(samples), 3, height, width), np.uint8)
    for planes, sample in zip(images, samples, strict=True):
        _split(sample.image, planes)
    targets = {name: _target(name, info, samples, (height, width)) for name, info in infos.items()}
    return Batch(tuple(sample.id for sample in samples), torch.from_numpy(images), targets)


def _split(channels_last: NDArray[Any], planes: NDArray[Any]) -> None:
    """Write (H, W, 3) as (3, H, W); OpenCV does it many times faster than numpy.

    Raises:
        ValueError: If the sizes differ.
    """
    if channels_last.shape != (*planes.shape[1:], 3):
        raise ValueError(f"Samples of a batch must have one size. Found {channels_last.shape} and {planes.shape[1:]}.")
    cv2.split(np.ascontiguousarray(channels_last, planes.dtype), list(planes))


def _target(name: str, info: TargetInfo, samples: Sequence[Sample], size: tuple[int, int]) -> Target:
    missing = _missing(info, size)
    raws = [sample.targets.get(name, missing) for sample in samples]
    # Each label is written once, where it belongs: channels first, in the type of the batch.
    planar = info.kind in (TargetKind.DEPTH_MAP, TargetKind.SCALAR_MAP)
    shape = (3, *size) if info.kind is TargetKind.VECTOR_MAP else missing.valid.shape
    value = np.empty((len(raws), *shape), np.int64 if info.kind is TargetKind.LABEL_MAP else np.float32)
    valid = np.stack([raw.valid for raw in raws])
    for position, raw in enumerate(raws):
        if info.kind is TargetKind.VECTOR_MAP and raw is not missing:
            _split(raw.value, value[position])
        else:
            value[position] = 0 if raw is missing else raw.value
        if not raw.valid.all():
            value[position][..., ~raw.valid] = 0
    _check(name, info, value, samples)
    if info.kind is TargetKind.VECTOR_MAP or planar:
        valid = valid[:, None]
    return Target(torch.from_numpy(value[:, None] if planar else value), torch.from_numpy(valid))


def _missing(info: TargetInfo, size: tuple[int, int]) -> RawTarget:
    """A label that says nothing, of the right shape."""
    shape = size if info.kind.dense else (len(info.names),)
    tail = (3,) if info.kind is TargetKind.VECTOR_MAP else ()
    return RawTarget(np.zeros(shape + tail, np.float32), np.zeros(shape, np.bool_))


def _check(name: str, info: TargetInfo, value: NDArray[Any], samples: Sequence[Sample]) -> None:
    """Stop a label that would end as NaN in the weights, or as an unreadable error on the GPU."""
    if info.kind is TargetKind.LABEL_MAP:
        low, high, allowed = 0.0, len(info.names) - 1.0, f"a class index from 0 to {len(info.names) - 1}"
    else:
        limit = float(np.finfo(np.float32).max)
        low, high, allowed = -limit, limit, "finite"
    for sample, labels in zip(samples, value, strict=True):
        wrong = [extreme for extreme in (float(labels.min()), float(labels.max())) if not low <= extreme <= high]
        if wrong:
            raise ValueError(f"A valid label of '{name}' must be {allowed}. Found {wrong[0]:g} in '{sample.id}'.")
