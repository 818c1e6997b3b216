"""A head with a decoder that no other task shares."""

from __future__ import annotations

from torch import Tensor, nn

from mstasks.blocks import Block, ResidualBlock, start_near_bias
from mstasks.features import FeatureInfo, Features
from mstasks.heads.base import Head
from mstasks.trunk import Trunk


class DecoderHead(Head):
    """A trunk of its own over the backbone's maps, then a residual block and 1x1.

    Shaped like the shared trunk with a `DenseHead` behind it, of the same width, but the task's alone.

    Args:
        features: Shapes of the maps.
        channels: Channels of the prediction.
        block: The kind of 3x3 convolution in the residual block; the trunk's are separable.

    Raises:
        ValueError: If `block` is unknown.
    """

    reads_trunk = False

    def __init__(self, features: FeatureInfo, channels: int, block: Block = "separable") -> None:
        super().__init__()
        width = features.trunk_channels
        self.trunk = Trunk(features.channels, features.strides, width)
        self.block = ResidualBlock(width, width, block)
        self.predict = nn.Conv2d(width, channels, 1)
        start_near_bias(self.predict)

    def forward(self, features: Features) -> Tensor:
        """Shape (batch, channels, height / 4, width / 4)."""
        out: Tensor = self.predict(self.block(self.trunk(features.backbone)))
        return out
