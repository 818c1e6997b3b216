"""Depth metrics as the field defines them, pooled over the valid pixels of the whole set, metres."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from mstasks import PooledMean, Target, TaskMetric
from mstasks_depth.shapes import check_shapes


def _error(depth: Tensor, target: Target) -> Tensor:
    check_shapes(depth, target)
    return depth.double() - target.value


def _squared_error(depth: Tensor, target: Target) -> Tensor:
    return _error(depth, target).square()


def _absolute_error(depth: Tensor, target: Target) -> Tensor:
    return _error(depth, target).abs()


def _relative_error(depth: Tensor, target: Target) -> Tensor:
    return _absolute_error(depth, target) / target.value


def _within_ratio(depth: Tensor, target: Target, threshold: float) -> Tensor:
    check_shapes(depth, target)
    depth = depth.double()
    return torch.maximum(depth / target.value, target.value / depth) < threshold


def depth_metrics() -> dict[str, TaskMetric]:
    """Fresh metrics of decoded depth, shape (batch, 1, height, width), against targets in metres, positive where valid.

    `rmse` (primary): root of the squared error's mean over all pixels, not a mean of roots per image. `abs`: absolute
    error. `abs_rel`: absolute error over true depth. `delta1`, `delta2`, `delta3`: fraction of pixels with
    max(prediction / truth, truth / prediction) < 1.25, 1.25^2, 1.25^3 (Eigen et al. 2014).
    """

    def error(values: Callable[[Tensor, Target], Tensor], root: bool = False) -> PooledMean:
        return PooledMean(values, higher_is_better=False, best_value=0.0, final=torch.sqrt if root else None)

    def delta(power: int) -> PooledMean:
        return PooledMean(partial(_within_ratio, threshold=1.25**power), higher_is_better=True, best_value=1.0)

    return {
        "rmse": error(_squared_error, root=True),
        "abs": error(_absolute_error),
        "abs_rel": error(_relative_error),
        "delta1": delta(1),
        "delta2": delta(2),
        "delta3": delta(3),
    }
