"""Heads on the trunk that all dense tasks share: a light block, or nothing but a 1x1 convolution."""

from __future__ import annotations

from torch import Tensor, nn

from mstasks.blocks import Block, ResidualBlock, start_near_bias
from mstasks.features import FeatureInfo, Features
from mstasks.heads.base import Head, trunk_map


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
        out: Tensor = self.predict(self.block(trunk_map(self, features)))
        return out


class LinearHead(Head):
    """A bare 1x1 convolution on the shared trunk: each pixel's prediction is linear in the trunk's channels there.

    It is what can be fitted in closed form, and what a linear probe of the trunk trains.

    Args:
        features: Shapes of the maps.
        channels: Channels of the prediction.
    """

    def __init__(self, features: FeatureInfo, channels: int) -> None:
        super().__init__()
        self.predict = nn.Conv2d(features.trunk_channels, channels, 1)
        start_near_bias(self.predict)

    def forward(self, features: Features) -> Tensor:
        """Shape (batch, channels, height / trunk_stride, width / trunk_stride).

        Raises:
            ValueError: If the network computed no trunk.
        """
        out: Tensor = self.predict(trunk_map(self, features))
        return out
