"""The depth task: how raw predictions become metres, and which loss compares them."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from mstasks import Target, TargetInfo, TargetKind, Task, TaskMetric
from mstasks_depth.losses import berhu, l1, scale_invariant_log
from mstasks_depth.metrics import depth_metrics
from mstasks_depth.options import DepthOptions
from mstasks_depth.shapes import check_shapes

_NEAREST = 1e-3  # metres; keeps the logarithm of an underflowing softplus finite
_NEAR = 1e-3  # of the typical depth: bounds the code of a depth near 0, whose logarithm has no end
_ONE = math.log(math.e - 1)  # softplus of this is 1


class Depth(Task):
    """Depth along the optical axis, one value per pixel, in metres.

    Args:
        info: What the data set declares of the target.
        options: Loss and typical depth; the defaults if None.
    """

    kind = TargetKind.DEPTH_MAP
    channels = 1
    options: DepthOptions

    def __init__(self, info: TargetInfo, options: DepthOptions | None = None) -> None:
        super().__init__(info, options or DepthOptions())

    def decode(self, prediction: Tensor) -> Tensor:
        """Give metres, at least a millimetre: typical * softplus(raw + log(e - 1)), which is `typical` at raw = 0.

        A softplus is positive, grows like an exponential near 0 and linearly far away: one unit of the raw value means
        a factor for near pixels and never more than `typical` metres for far ones. An exponential's slope would grow
        with the depth itself, so that a loss in metres explodes on one overshooting pixel; a clamped one stops
        learning there.

        Args:
            prediction: Raw head output, any value, any float type, shape (batch, 1, height, width).

        Returns:
            float32, same shape.
        """
        return _NEAREST + self.options.typical * functional.softplus(prediction.float() + _ONE)

    def encode(self, target: Target) -> Tensor:
        """Invert `decode`: log(exp(depth / typical) - 1) - log(e - 1), with the millimetre taken off the depth first.

        Its value is linear in a far depth and logarithmic in a near one. Depths below a thousandth of `typical` and a
        millimetre share one code.

        Args:
            target: Metres and validity, shape (batch, 1, height, width).

        Returns:
            float32, same shape; 0 where there is no label.
        """
        depth = target.value.float().masked_fill(~target.valid, _NEAREST + self.options.typical)
        ratio = ((depth - _NEAREST) / self.options.typical).clamp(min=_NEAR)
        # log(exp(x) - 1), which overflows from x = 89 on, written as x + log(1 - exp(-x)).
        return ratio + torch.log(-torch.expm1(-ratio)) - _ONE

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        """Average the loss that the options name over each example's valid pixels, in float32 whatever comes in.

        Args:
            prediction: Raw head output, shape (batch, 1, height, width).
            target: Metres; must be positive where valid, is never read elsewhere. Both of the prediction's shape.

        Returns:
            Shape (batch,), at least 0; exactly 0 with zero gradient for an example without a valid pixel.

        Raises:
            ValueError: If a shape is another.
        """
        check_shapes(prediction, target)
        # What is not valid is replaced before any arithmetic: NaN times a zero gradient is NaN.
        raw = prediction.masked_fill(~target.valid, 0.0)
        truth = target.value.float().masked_fill(~target.valid, 1.0)
        depth = self.decode(raw)
        if self.options.loss == "silog":
            return scale_invariant_log(depth, truth, target.valid, self.options.silog_lambda)
        return {"l1": l1, "berhu": berhu}[self.options.loss](depth, truth, target.valid)

    def metrics(self) -> dict[str, TaskMetric]:
        """Make `rmse` (primary), `abs`, `abs_rel`, `delta1`, `delta2`, `delta3`; see `depth_metrics`."""
        return depth_metrics()
