"""What the shared part offers to heads: maps, and their shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class FeatureInfo:
    """Shapes of the maps that a head may read.

    Attributes:
        trunk_channels: Channels of the shared decoder trunk's map.
        trunk_stride: Its stride with respect to the image.
        channels: Channels of the backbone's maps, fine to coarse.
        strides: Their strides.
    """

    trunk_channels: int
    trunk_stride: int
    channels: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Features:
    """What the shared part computes for a batch.

    Attributes:
        trunk: The decoder trunk's map, shape (batch, trunk_channels, height / trunk_stride, width / trunk_stride);
            None in a network whose heads all read the backbone.
        backbone: The backbone's maps, fine to coarse.
    """

    trunk: Tensor | None
    backbone: Sequence[Tensor]
