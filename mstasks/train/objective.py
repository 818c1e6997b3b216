"""The objective of a batch, and its gradient over micro-batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from mstasks.sparsity.strength.base import Strength


@dataclass(frozen=True, slots=True)
class StepLosses:
    """Losses of a step; tensors, so that the device need not be waited for.

    Attributes:
        losses: Mean loss of each task over its labelled examples, this rank's part.
        counts: Labelled examples of each task, over all ranks.
        notes: What a person should know about the step.
    """

    losses: Mapping[str, Tensor]
    counts: Mapping[str, Tensor]
    notes: tuple[str, ...] = ()


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
        self,
        part: Batch,
        parameters: Mapping[str, Tensor] | None = None,
        tasks: Sequence[str] | None = None,
        watcher: Strength | None = None,
    ) -> dict[str, LossSum]:
        """Summed loss of each task over the labelled examples of a part.

        Args:
            part: On the device.
            parameters: Parameters by name that stand in for the network's own, buffers too.
            tasks: Which tasks; all by default.
            watcher: Watches the pass and observes the losses.
        """
        chosen = self.tasks if tasks is None else {name: self.tasks[name] for name in tasks}
        with nullcontext() if watcher is None else watcher.watch():
            predictions = forward(self.network, part.images, self.optim.precision, parameters)
        sums = task_losses(predictions, part.targets, chosen)
        if watcher is not None:
            watcher.observe(sums)
        return sums

    def total(self, losses: Mapping[str, Tensor], counts: Mapping[str, Tensor], share: float = 1.0) -> Tensor:
        """The scalar to differentiate; see `mstasks.train.weighting.objective`."""
        return objective(losses, counts, self.weighting, share)

    def backward(
        self, batch: Batch, scale: float = 1.0, watcher: Strength | None = None, accumulate: int | None = None
    ) -> StepLosses:
        """Add the gradient of `scale` times the batch's objective to every `.grad`, micro-batch by micro-batch.

        Args:
            batch: This rank's part, on the device.
            scale: A factor.
            watcher: Watches the passes and observes the losses of each micro-batch before its backward pass.
            accumulate: Micro-batches; those of the recipe by default.
        """
        parts = batch.split(min(accumulate or self.optim.accumulate, len(batch)))
        counts = self.counts(parts)
        share = 1 / (len(parts) * world())
        losses = {name: torch.zeros((), device=batch.images.device) for name in self.tasks}
        for part in parts:
            sums = self.sums(part, watcher=watcher)
            means = {name: loss.total / counts[name].clamp(min=1) for name, loss in sums.items()}
            (scale * self.total(means, counts, share)).backward()  # type: ignore[no-untyped-call]
            losses = {name: loss + means[name].detach() for name, loss in losses.items()}
        return StepLosses(losses, counts)
