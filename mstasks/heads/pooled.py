"""A pooled vector, for image-level tasks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mstasks.blocks import start_near_bias
from mstasks.features import FeatureInfo, Features
from mstasks.heads.base import Head


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
        out: Tensor = self.predict(pooled(features))
        return out


def pooled(features: Features) -> Tensor:
    """What `PooledHead` is linear in: averages of the last two maps, shape (batch, sum of their channels)."""
    return torch.cat([level.mean(dim=(2, 3)) for level in features.backbone[-2:]], dim=1)
