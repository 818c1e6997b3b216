"""From predictions and labels to one loss per task: resize, per-example losses, sums and counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mstasks.bound import BoundTask
from mstasks.target import Target


@dataclass(frozen=True, slots=True)
class LossSum:
    """Loss of one task over a (micro-)batch, kept as a sum so that micro-batches and ranks add up.

    Attributes:
        total: Sum of the per-example losses, scalar.
        count: Labelled examples, scalar.
    """

    total: Tensor
    count: Tensor


def resize_prediction(prediction: Tensor, target: Target) -> Tensor:
    """Resize a dense raw prediction bilinearly to the target's height and width; half precision becomes float32."""
    prediction = prediction.to(torch.promote_types(prediction.dtype, torch.float32))
    if prediction.dim() != 4 or prediction.shape[-2:] == target.valid.shape[-2:]:
        return prediction
    return functional.interpolate(prediction, size=target.valid.shape[-2:], mode="bilinear", align_corners=False)


def task_losses(
    predictions: Mapping[str, Tensor], targets: Mapping[str, Target], tasks: Mapping[str, BoundTask]
) -> dict[str, LossSum]:
    """Each task's summed loss and number of labelled examples.

    Args:
        predictions: Raw predictions by task.
        targets: Labels by target name.
        tasks: The tasks to score.

    Raises:
        ValueError: If a task's loss does not have shape (batch,).
    """
    sums = {}
    for name, bound in tasks.items():
        labels = bound.labels(targets)
        labelled = labels.labelled()
        sums[name] = LossSum(_total(bound, predictions[name], labels, labelled), labelled.sum())
    return sums


def _total(bound: BoundTask, prediction: Tensor, labels: Target, labelled: Tensor) -> Tensor:
    """Sum of the losses of the labelled examples; the task never sees the others, whatever it would make of them."""
    if not bool(labelled.all()):
        if not bool(labelled.any()):
            return 0.0 * prediction.float().sum()  # the head's gradient is zero, not absent
        prediction, labels = prediction[labelled], labels[labelled]
    loss = bound.task.loss(resize_prediction(prediction, labels), labels)
    if loss.shape != (len(labels),):
        raise ValueError(
            f"The loss of task {bound.name!r} must have shape ({len(labels)},). Found {tuple(loss.shape)}."
        )
    return loss.sum()
