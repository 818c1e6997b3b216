"""Ready heads: a light block on the trunk (dense tasks), ASPP on the backbone, a pooled vector (image-level tasks).

All of them start close to a zero prediction: their last layer has small weights and a zero bias.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torchvision.models.segmentation.deeplabv3 import ASPP  # type: ignore[import-untyped]

from mstasks.blocks import Block, ResidualBlock, full, start_near_bias
from mstasks.features import FeatureInfo, Features


class Head(nn.Module):
    """Base class: maps `Features` to a task's raw prediction at the resolution of what it reads.

    Attributes:
        reads_trunk: Whether it reads `Features.trunk`. A network none of whose heads does so builds no trunk.
    """

    reads_trunk: ClassVar[bool] = True


class DenseHead(Head):
    """A residual block of two 3x3 convolutions on the shared trunk, then 1x1.

    With the default `separable` block it costs about 7 M MACs on a 96x128 image (trunk of 64 channels at stride 4),
    with `full` 57 M.

    Args:
        features: Shapes of the maps.
        channels: Channels of the prediction.
        block: The kind of 3x3 convolution.

    Raises:
        ValueError: If `block` is unknown.
    """

    def __init__(self, features: FeatureInfo, channels: int, block: Block = "separable") -> None:
        super().__init__()
        width = features.trunk_channels
        self.block = ResidualBlock(width, width, block)
        self.predict = nn.Conv2d(width, channels, 1)
        start_near_bias(self.predict)

    def forward(self, features: Features) -> Tensor:
        """Shape (batch, channels, height / trunk_stride, width / trunk_stride).

        Raises:
            ValueError: If the network computed no trunk.
        """
        if features.trunk is None:
            raise ValueError("`DenseHead` reads the trunk, but `Features.trunk` is None.")
        out: Tensor = self.predict(self.block(features.trunk))
        return out


class ASPPHead(Head):
    """The DeepLab v3 head on the backbone's last map (Chen et al. 2017, "Rethinking Atrous Convolution", section 3.3).

    Atrous spatial pyramid pooling with 256 channels, a 3x3 convolution and 1x1. Rates are (6, 12, 18) at stride 16,
    doubled at stride 8, halved at stride 32, so that they reach equally far in the image. In the image-pooling branch
    GroupNorm takes the place of BatchNorm, which has a single value per channel there and so raises an error for a
    batch of one image.

    Args:
        features: Shapes of the maps.
        channels: Channels of the prediction.
    """

    reads_trunk = False

    def __init__(self, features: FeatureInfo, channels: int) -> None:
        super().__init__()
        self.aspp = ASPP(features.channels[-1], aspp_rates(features.strides[-1]))
        width = self.aspp.project[0].out_channels
        pooling = self.aspp.convs[-1]
        pooling[2] = nn.GroupNorm(32, width)
        self.refine = nn.Sequential(*full(width, width), nn.ReLU())
        self.predict = nn.Conv2d(width, channels, 1)
        start_near_bias(self.predict)

    def forward(self, features: Features) -> Tensor:
        """Shape (batch, channels, height / strides[-1], width / strides[-1])."""
        out: Tensor = self.predict(self.refine(self.aspp(features.backbone[-1])))
        return out


def aspp_rates(stride: int) -> tuple[int, int, int]:
    """Dilations of the three 3x3 branches: 96, 192 and 288 pixels of the image, at least 1, 2, 3 cells."""
    rate = max(96 // stride, 1)
    return rate, 2 * rate, 3 * rate


class PooledHead(Head):
    """Global average of the backbone's last two maps, side by side, then linear: for image-level tasks.

    Args:
        features: Shapes of the maps.
        channels: Length of the prediction.
    """

    reads_trunk = False

    def __init__(self, features: FeatureInfo, channels: int) -> None:
        super().__init__()
        self.predict = nn.Linear(sum(features.channels[-2:]), channels)
        start_near_bias(self.predict)

    def forward(self, features: Features) -> Tensor:
        """Shape (batch, channels)."""
        pooled = [level.mean(dim=(2, 3)) for level in features.backbone[-2:]]
        out: Tensor = self.predict(torch.cat(pooled, dim=1))
        return out
