"""Mean IoU and pixel accuracy from one confusion matrix over the whole set."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mstasks import Target, TaskMetric
from mstasks_segmentation.shapes import check_shapes

LEFT_OUT = "left_out"
"""Key under which `MeanIoU` reports how many classes have no union."""
RESERVED = ("mean", LEFT_OUT)
"""Names that no class may have: they are keys of the reported values."""


class ConfusionMatrix(TaskMetric):
    """Pixels by true class (rows) and predicted class (columns), exact integers over the whole set.

    Args:
        names: Class names in index order.
    """

    higher_is_better = True
    best_value = 1.0
    state_group = "confusion-matrix"
    confusion: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        empty = torch.zeros(len(self.names), len(self.names), dtype=torch.int64)
        self.add_state("confusion", empty, dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Target) -> None:
        """Count the valid pixels of a batch.

        Args:
            prediction: Class scores, shape (batch, classes, height, width); the largest is the predicted class, the
                first of several equal ones.
            target: Class indices and validity, shape (batch, height, width).

        Raises:
            ValueError: If a shape does not fit or a valid label is not a class index.
        """
        classes = len(self.names)
        check_shapes(prediction, target, classes)
        truth = target.value[target.valid]
        outside = (truth < 0) | (truth >= classes)
        if outside.any():
            raise ValueError(
                f"`target.value` must lie in 0..{classes - 1} where valid. Found {truth[outside][0].item()}."
            )
        predicted = prediction.argmax(1)[target.valid]
        pairs = torch.bincount(truth * classes + predicted, minlength=classes**2)
        self.confusion += pairs.reshape(classes, classes)


class MeanIoU(ConfusionMatrix):
    """Intersection over union per class, averaged over the classes that occur in labels or predictions."""

    def compute(self) -> dict[str, Tensor]:
        """Give the IoU per class and their mean.

        Returns:
            ``mean``: the average over classes with a union, NaN if none has; by class name: its IoU, NaN for a class
            without a union (no valid pixel has it as label or prediction), which the mean leaves out; ``left_out``: how
            many classes that is.
        """
        matrix = self.confusion.double()
        intersection = matrix.diagonal()
        union = matrix.sum(0) + matrix.sum(1) - intersection
        iou = intersection / union  # 0 / 0 is NaN
        values = {"mean": iou.nanmean(), LEFT_OUT: (union == 0).sum()}
        return values | dict(zip(self.names, iou, strict=True))


class PixelAccuracy(ConfusionMatrix):
    """Share of all valid pixels whose predicted class is the label."""

    def compute(self) -> Tensor:
        """Correct over all, NaN if no pixel was valid."""
        return self.confusion.diagonal().sum().double() / self.confusion.sum()
