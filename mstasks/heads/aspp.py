"""Atrous spatial pyramid pooling on the backbone, for dense tasks."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models.segmentation.deeplabv3 import ASPP  # type: ignore[import-untyped]

from mstasks.blocks import full, start_near_bias
from mstasks.features import FeatureInfo, Features
from mstasks.heads.base import Head


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
