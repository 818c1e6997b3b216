"""The objective of a batch, and its gradient over micro-batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.distributed import sum_over_ranks, world
from mstasks.network import Network
from mstasks.recipe.model import Optim
from mstasks.train.forward import forward
from mstasks.train.losses import LossSum, task_losses
from mstasks.train.weighting import LossWeighting, objective

Observer = Callable[[Mapping[str, LossSum]], None]


@dataclass(frozen=True, slots=True)
class StepLosses:
    """Losses of a step; tensors, so that the device need not be waited for.

    Attributes:
        losses: Mean loss of each task over its labelled examples, this rank's part.
        counts: Labelled examples of each task, over all ranks.
    """

    losses: Mapping[str, Tensor]
    counts: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Objective:
    """How predictions become one number.

    Attributes:
        network: The network.
        weighting: Weights the tasks' losses.
        tasks: Tasks by name.
        optim: The recipe's `optim`.
    """

    network: Network
    weighting: LossWeighting
    tasks: Mapping[str, BoundTask]
    optim: Optim

    def counts(self, parts: Sequence[Batch]) -> dict[str, Tensor]:
        """Labelled examples of each task in all parts, over all ranks."""
        counts = {}
        for name, bound in self.tasks.items():
            counts[name] = torch.stack([bound.labels(part.targets).labelled().sum() for part in parts]).sum()
        sum_over_ranks(counts.values())
        return counts

    def sums(
        self, part: Batch, parameters: Mapping[str, Tensor] | None = None, tasks: Sequence[str] | None = None
    ) -> dict[str, LossSum]:
        """Summed loss of each task over the labelled examples of a part.

        Args:
            part: On the device.
            parameters: Parameters by name that stand in for the network's own, buffers too.
            tasks: Which tasks; all by default.
        """
        chosen = self.tasks if tasks is None else {name: self.tasks[name] for name in tasks}
        predictions = forward(self.network, part.images, self.optim.precision, parameters)
        return task_losses(predictions, part.targets, chosen)

    def total(self, losses: Mapping[str, Tensor], counts: Mapping[str, Tensor], share: float = 1.0) -> Tensor:
        """The scalar to differentiate; see `mstasks.train.weighting.objective`."""
        return objective(losses, counts, self.weighting, share)

    def backward(self, batch: Batch, scale: float = 1.0, observe: Observer | None = None) -> StepLosses:
        """Add the gradient of `scale` times the batch's objective to every `.grad`, micro-batch by micro-batch.

        Args:
            batch: This rank's part, on the device.
            scale: A factor.
            observe: Sees the losses of each micro-batch before its backward pass.
        """
        parts = batch.split(min(self.optim.accumulate, len(batch)))
        counts = self.counts(parts)
        share = 1 / (len(parts) * world())
        losses = {name: torch.zeros((), device=batch.images.device) for name in self.tasks}
        for part in parts:
            sums = self.sums(part)
            if observe is not None:
                observe(sums)
            means = {name: loss.total / counts[name].clamp(min=1) for name, loss in sums.items()}
            (scale * self.total(means, counts, share)).backward()  # type: ignore[no-untyped-call]
            losses = {name: loss + means[name].detach() for name, loss in losses.items()}
        return StepLosses(losses, counts)
