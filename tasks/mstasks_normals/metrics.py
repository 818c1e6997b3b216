"""Angular errors of surface normals: mean, median and fractions within a threshold, in degrees.

All five keep the same state, so the core updates only one of them: a sum, three counts and a fine histogram. These add
up over batches and ranks; medians do not.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from mstasks import Target, TaskMetric
from mstasks_normals.shapes import check_shapes

THRESHOLDS = (11.25, 22.5, 30.0)
"""Degrees."""
RESOLUTION = 0.01
"""Width of a histogram bin in degrees; bin k is centred on k * RESOLUTION, so that 0 is represented exactly."""
_BINS = round(180 / RESOLUTION) + 1


def angles(prediction: Tensor, truth: Tensor) -> Tensor:
    """Measure the angle between two vector maps of shape (batch, 3, height, width).

    atan2(|a x b|, a . b) in float64: accurate near 0 and 180, where acos of a float32 cosine is off by 0.02 degrees and
    more, and indifferent to the vectors' lengths.

    Returns:
        Degrees in [0, 180], float64, shape (batch, height, width).
    """
    a, b = prediction.double(), truth.double()
    sine = torch.linalg.cross(a, b, dim=1).square().sum(1).sqrt()
    return torch.rad2deg(torch.atan2(sine, (a * b).sum(1)))


class _Angles(TaskMetric):
    """State that all metrics of this file share; update is theirs too."""

    state_group: ClassVar[str] = "angles"
    total: Tensor
    within: Tensor
    histogram: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("within", torch.zeros(len(THRESHOLDS), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("histogram", torch.zeros(_BINS, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Target) -> None:
        """Add a batch of vectors of any positive length, shape (batch, 3, height, width).

        A prediction that is not a number makes the mean one too; elsewhere it counts as 180 degrees.

        Raises:
            ValueError: If a shape is another.
        """
        check_shapes(prediction, target)
        seen = angles(prediction, target.value)[target.valid[:, 0]]
        self.total += seen.sum()
        self.within += torch.stack([(seen < threshold).sum() for threshold in THRESHOLDS])
        bins = (seen.nan_to_num(nan=180.0) / RESOLUTION).round().long()
        self.histogram += torch.bincount(bins, minlength=_BINS)

    def _count(self) -> Tensor:
        return self.histogram.sum().double()


class MeanAngle(_Angles):
    """Mean angle over all valid pixels, degrees."""

    higher_is_better = False
    best_value = 0.0

    def compute(self) -> Tensor:
        """Give the mean, NaN if nothing was valid."""
        return self.total / self._count()


class MedianAngle(_Angles):
    """Median angle over all valid pixels, degrees, within half a bin (0.005) of the true one.

    With an even number of pixels, the lower of the two in the middle, as `torch.median`.
    """

    higher_is_better = False
    best_value = 0.0

    def compute(self) -> Tensor:
        """Give the median, NaN if nothing was valid."""
        cumulative = self.histogram.cumsum(0)
        rank = (cumulative[-1] + 1) // 2
        median = torch.searchsorted(cumulative, rank).double() * RESOLUTION
        return torch.where(cumulative[-1] > 0, median, torch.nan)


class WithinAngle(_Angles):
    """Fraction of all valid pixels whose angle is smaller than a threshold.

    Args:
        index: Which of `THRESHOLDS`.
    """

    higher_is_better = True
    best_value = 1.0

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def compute(self) -> Tensor:
        """Give the fraction, NaN if nothing was valid."""
        return self.within[self.index] / self._count()


def normal_metrics() -> dict[str, TaskMetric]:
    """Fresh metrics of decoded normals: `mean` (primary), `median`, `within_11.25`, `within_22.5`, `within_30`."""
    fractions = {f"within_{threshold:g}": WithinAngle(index) for index, threshold in enumerate(THRESHOLDS)}
    return {"mean": MeanAngle(), "median": MedianAngle(), **fractions}
