"""From samples to a batch: each is written once, to where it belongs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mstasks.data.batch import Batch
from mstasks.data.layout import Layout
from mstasks.data.sample import RawTarget, Sample
from mstasks.targets import TargetInfo, TargetKind


def collate(samples: Sequence[Sample], infos: Mapping[str, TargetInfo]) -> Batch:
    """Samples of one size as tensors.

    Args:
        samples: At least one; images and dense labels all of one height and width.
        infos: The targets of the batch.

    Raises:
        ValueError: As `Collation.add`.
    """
    height, width = samples[0].image.shape[:2]
    collation = Collation(Layout(infos, (height, width)), len(samples))
    for sample in samples:
        collation.add(sample)
    return collation.batch()


class Collation:
    """A batch in the making. One sample after the other: what was read for it can go before the next one is read.

    A target that a sample lacks becomes zeros that are nowhere valid; so does what is not valid in one that it has.

    Args:
        layout: Of the batch.
        count: How many samples it will hold.
        memory: Where its tensors will lie; None for memory of their own.
    """

    def __init__(self, layout: Layout, count: int, memory: Tensor | None = None) -> None:
        if memory is None:
            memory = torch.empty(layout.bytes(count), dtype=torch.uint8)
        self._infos = layout.infos
        self._images, self._targets = layout.tensors(memory, count)
        self._planes = self._images.numpy()
        self._arrays = {name: (value.numpy(), valid.numpy()) for name, (value, valid) in self._targets.items()}
        self._ids: list[str] = []

    def add(self, sample: Sample) -> None:
        """Write the next sample.

        Raises:
            ValueError: If it has another size, a valid label is not finite, or a valid class index is not among the
                class names.
        """
        position = len(self._ids)
        _split(sample.image, self._planes[position])
        for name, (value, valid) in self._arrays.items():
            raw, values = sample.targets.get(name), value[position]
            if raw is None:
                values[...], valid[position] = 0, False
            else:
                info = self._infos[name]
                everywhere = _write(info, raw, values, valid[position])
                # Class indices are an eighth as many bytes as they were read.
                _check(name, info, raw.value if everywhere and info.kind is TargetKind.LABEL_MAP else values, sample.id)
        self._ids.append(sample.id)

    def batch(self) -> Batch:
        """The batch, after as many samples as were announced."""
        return Batch.of(tuple(self._ids), self._images, self._targets)


def _split(channels_last: NDArray[Any], planes: NDArray[Any]) -> None:
    """Write (H, W, 3) as (3, H, W); OpenCV does it many times faster than numpy.

    Raises:
        ValueError: If the sizes differ.
    """
    if channels_last.shape != (*planes.shape[1:], 3):
        raise ValueError(f"Samples of a batch must have one size. Found {channels_last.shape} and {planes.shape[1:]}.")
    cv2.split(np.ascontiguousarray(channels_last, planes.dtype), list(planes))


def _write(info: TargetInfo, raw: RawTarget, values: NDArray[Any], valid: NDArray[np.bool_]) -> bool:
    """Channels first, in the type of the batch; whether it is valid everywhere."""
    valid[...] = raw.valid
    if info.kind is TargetKind.VECTOR_MAP:
        _split(raw.value, values)
    else:
        values[...] = raw.value
    everywhere = bool(raw.valid.all())
    if not everywhere:
        values[..., ~raw.valid] = 0
    return everywhere


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
