"""The surface normals task: unit vectors from raw ones, compared by the cosine of their angle."""

from __future__ import annotations

import torch
from torch import Tensor

from mstasks import Target, TargetKind, Task, TaskMetric, per_example_mean
from mstasks_normals.metrics import normal_metrics
from mstasks_normals.shapes import check_shapes

_SMALL = 1e-3  # length added in quadrature in the loss: bounds its gradient at a zero vector by 1 / _SMALL
_TINY = 1e-12  # below this length a vector has no direction


class Normals(Task):
    """Surface normal per pixel in the camera frame: x right, y down, z forward, so that visible surfaces have z < 0."""

    kind = TargetKind.VECTOR_MAP
    channels = 3

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        """Average 1 - cos(angle) over each example's valid pixels, in float32 whatever comes in.

        The raw vector is divided by sqrt(length^2 + 1e-6) rather than by its length: the same number but for very
        short vectors, and a head that starts at zero still gets a finite gradient that points at the label.

        Args:
            prediction: Raw head output, any length, shape (batch, 3, height, width).
            target: ``value`` holds unit vectors of the same shape; ``valid`` has shape (batch, 1, height, width).

        Returns:
            Shape (batch,), in [0, 2] up to rounding; exactly 0 with zero gradient for an example without a valid pixel.

        Raises:
            ValueError: If a shape is another.
        """
        check_shapes(prediction, target)
        # What is not valid is replaced before any arithmetic: NaN times a zero gradient is NaN.
        raw = prediction.float().masked_fill(~target.valid, 0.0)
        truth = target.value.float().masked_fill(~target.valid, 0.0)
        length = (raw.square().sum(1, keepdim=True) + _SMALL**2).sqrt()
        cosine = (raw * truth).sum(1, keepdim=True) / length
        return per_example_mean(1 - cosine, target.valid)

    def decode(self, prediction: Tensor) -> Tensor:
        """Scale to unit length, float32, shape (batch, 3, height, width); a zero vector becomes (0, 0, -1)."""
        raw = prediction.float()
        length = torch.linalg.vector_norm(raw, dim=1, keepdim=True)
        # Every visible surface faces the camera: the best guess where there is no direction.
        facing = raw.new_tensor([0.0, 0.0, -1.0])[:, None, None]
        return torch.where(length < _TINY, facing, raw / length.clamp(min=_TINY))

    def encode(self, target: Target) -> Tensor:
        """Return the vector itself, float32, shape (batch, 3, height, width); zero where there is no label."""
        return target.value.float().masked_fill(~target.valid, 0.0)

    def metrics(self) -> dict[str, TaskMetric]:
        """Make `mean` (primary), `median`, `within_11.25`, `within_22.5`, `within_30`; see its module."""
        return normal_metrics()
