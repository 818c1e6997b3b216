"""One piece of memory for all tensors of a batch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from mstasks.targets import TargetInfo, TargetKind

_ALIGN = 64
_CHANNELS: Mapping[TargetKind, tuple[int, ...]] = {
    TargetKind.LABEL_MAP: (),
    TargetKind.DEPTH_MAP: (1,),
    TargetKind.VECTOR_MAP: (3,),
    TargetKind.SCALAR_MAP: (1,),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where images and targets lie, one after the other, each at a multiple of 64 bytes.

    Attributes:
        infos: The targets of the batch.
        size: Height and width.
    """

    infos: Mapping[str, TargetInfo]
    size: tuple[int, int]

    def bytes(self, count: int) -> int:
        """Length of the memory for so many samples."""
        return sum(_room(shape, dtype) for shape, dtype in self._forms(count))

    def tensors(self, memory: Tensor, count: int) -> tuple[Tensor, dict[str, tuple[Tensor, Tensor]]]:
        """The images, and the values and validity of each target, as `mstasks.TargetKind` lists their shapes.

        Args:
            memory: Bytes, at least `bytes` of them, in which all of these lie. To autograd they have nothing to do with
                each other: one of them may be changed in place.
            count: How many samples.
        """
        forms = self._forms(count)
        starts = accumulate((_room(shape, dtype) for shape, dtype in forms), initial=0)
        tensors = [
            memory[start : start + math.prod(shape) * dtype.itemsize].view(dtype).view(shape).data
            for start, (shape, dtype) in zip(starts, forms, strict=False)
        ]
        pairs = zip(tensors[1::2], tensors[2::2], strict=True)
        return tensors[0], dict(zip(self.infos, pairs, strict=True))

    def _forms(self, count: int) -> Sequence[tuple[tuple[int, ...], torch.dtype]]:
        """Shape and type of the images, then of each target's values and validity."""
        forms: list[tuple[tuple[int, ...], torch.dtype]] = [((count, 3, *self.size), torch.uint8)]
        for info in self.infos.values():
            dtype = torch.int64 if info.kind is TargetKind.LABEL_MAP else torch.float32
            value = (count, *_CHANNELS[info.kind], *self.size) if info.kind.dense else (count, len(info.names))
            valid = (count, 1, *value[2:]) if info.kind is TargetKind.VECTOR_MAP else value
            forms += [(value, dtype), (valid, torch.bool)]
        return forms


def _room(shape: tuple[int, ...], dtype: torch.dtype) -> int:
    return -(-math.prod(shape) * dtype.itemsize // _ALIGN) * _ALIGN
