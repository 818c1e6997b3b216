"""Losses between depth maps in metres, per example.

All take float32 `depth` and `truth`, positive everywhere, and boolean `valid`, each of shape (batch, 1, height, width),
and return shape (batch,): exactly 0, with exactly zero gradient, for an example without a valid pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mstasks import per_example_mean

_SMALLEST_THRESHOLD = 1e-6  # metres; keeps berHu's quadratic branch finite where the prediction is perfect
_BERHU_FRACTION = 0.2


def l1(depth: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Absolute error in metres, averaged over the valid pixels; at least 0."""
    return per_example_mean((depth - truth).abs(), valid)


def scale_invariant_log(depth: Tensor, truth: Tensor, valid: Tensor, weight: float) -> Tensor:
    """Scale-invariant error of log depth: mean(d^2) - weight * mean(d)^2 with d = log(depth) - log(truth).

    Eigen, Puhrsch, Fergus 2014, "Depth map prediction from a single image using a multi-scale deep network", the
    training loss, where weight = 0.5. As there, no root is taken: its slope is unbounded where the error vanishes.
    Computed as var(d) + (1 - weight) mean(d)^2, which is the same number without cancellation, and at least 0.

    Args:
        depth: Metres, positive.
        truth: Metres, positive.
        valid: Where `truth` counts.
        weight: In [0, 1]; 1 ignores a common factor of all depths, 0 is the mean squared error of log depth.
    """
    difference = depth.log() - truth.log()
    mean = per_example_mean(difference, valid)
    variance = per_example_mean((difference - mean[:, None, None, None]).square(), valid)
    return variance + (1 - weight) * mean.square()


def berhu(depth: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Reverse Huber in metres: |r| up to a threshold c, (r^2 + c^2) / 2c beyond; at least 0.

    Laina et al. 2016, "Deeper depth prediction with fully convolutional residual networks": c is a fifth of the largest
    residual, and no gradient flows through it. There the largest of the batch; here the largest among the example's own
    valid pixels, so that its loss does not depend on the images beside it, nor on how a batch is split.
    """
    # Masked before abs: the derivative of abs at NaN is NaN, which a mask further down would not stop.
    residual = (depth - truth).masked_fill(~valid, 0.0).abs()
    largest = residual.detach().amax(dim=(1, 2, 3), keepdim=True)
    threshold = (_BERHU_FRACTION * largest).clamp(min=_SMALLEST_THRESHOLD)
    quadratic = (residual.square() + threshold.square()) / (2 * threshold)
    return per_example_mean(torch.where(residual <= threshold, residual, quadratic), valid)
