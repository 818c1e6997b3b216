"""What happens to the tasks that a network did before it was adapted: let go, distilled, or rehearsed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.device import Precision
from mstasks.network import Network
from mstasks.train.forward import forward
from mstasks.train.losses import task_losses


class Seen(ABC):
    """The seen tasks.

    Attributes:
        tasks: Those whose heads are run and trained along.
    """

    tasks: Mapping[str, BoundTask]

    @abstractmethod
    def loss(self, predictions: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """What to add to the loss of the new task, a scalar.

        Args:
            predictions: Raw ones of `tasks`.
            batch: The batch that they were made of, on the device.
        """


class Released(Seen):
    """Nothing is done for them: their heads stay as they are, while the shared part changes under them."""

    def __init__(self) -> None:
        self.tasks = {}

    def loss(self, predictions: Mapping[str, Tensor], batch: Batch) -> Tensor:  # noqa: ARG002
        """Zero."""
        return batch.images.new_zeros((), dtype=torch.float32)


class Rehearsed(Seen):
    """They are trained along, on the labels that the support images have for them.

    Args:
        tasks: The seen tasks.
        weight: Factor of their losses, on top of the recipe's own weights.
    """

    def __init__(self, tasks: Mapping[str, BoundTask], weight: float) -> None:
        self.tasks, self._weight = tasks, weight

    def loss(self, predictions: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Sum over tasks of the weighted mean loss over the labelled examples."""
        losses = task_losses(predictions, batch.targets, self.tasks)
        terms = [self.tasks[name].weight * sums.total / sums.count.clamp(min=1) for name, sums in losses.items()]
        return self._weight * torch.stack(terms).sum()


class Distilled(Seen):
    """Their raw predictions are held to those of the network before it was adapted, on the support images.

    The loss of a task is the mean squared difference of the raw predictions over the variance of the teacher's:
    matching logits (Ba and Caruana 2014, "Do deep nets really need to be deep?"), scaled so that tasks of any unit
    weigh alike. No labels are needed.

    Args:
        tasks: The seen tasks.
        weight: Factor of their losses.
        teacher: The network before; in evaluation mode, on the device.
        precision: Of its passes.
    """

    def __init__(self, tasks: Mapping[str, BoundTask], weight: float, teacher: Network, precision: Precision) -> None:
        self.tasks, self._weight = tasks, weight
        self._teacher, self._precision = teacher.eval().requires_grad_(False), precision

    def loss(self, predictions: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Sum over tasks."""
        with torch.no_grad():
            truth = forward(self._teacher, batch.images, self._precision, tasks=tuple(self.tasks))
        terms = [_relative_error(predictions[name].float(), truth[name].float()) for name in self.tasks]
        return self._weight * torch.stack(terms).sum()


def _relative_error(prediction: Tensor, truth: Tensor) -> Tensor:
    # A batch of one image leaves an image-level task with one output a single value, which has no variance.
    scale = truth.var(correction=0) if truth.numel() > 1 else truth.square().mean()
    return (prediction - truth).square().mean() / scale.clamp(min=1e-6)
