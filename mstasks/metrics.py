"""Base classes of metrics: torchmetrics with a direction, a best value and the validity mask."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric

from mstasks.target import Target


class TaskMetric(Metric):
    """A metric of decoded predictions that knows its direction and ignores what is not valid.

    Class attributes:
        higher_is_better: Direction.
        best_value: What a perfect prediction scores (1.0 for accuracies, 0.0 for errors).
        state_group: Metrics of one task with the same non-empty `state_group` keep identical state, so the core updates
            only one of them; empty means on its own.
    """

    higher_is_better: bool = True
    best_value: float = 1.0
    state_group: ClassVar[str] = ""
    is_differentiable = False
    full_state_update = False

    @abstractmethod
    def update(self, prediction: Tensor, target: Target) -> None:
        """Add a batch of decoded predictions. A batch without a valid element changes nothing."""

    @abstractmethod
    def compute(self) -> Tensor | Mapping[str, Tensor]:
        """The value over everything seen, NaN if nothing was valid.

        A mapping must hold ``"mean"``, reported under the metric's own name; its other keys become ``metric/key``.
        """


class PooledMean(TaskMetric):
    """Mean of a per-element value over all valid elements of all batches, optionally passed through a final function.

    Sums and counts are kept in float64, never averages of averages.

    Args:
        values: ``(prediction, target) -> Tensor`` of per-element values, broadcastable with ``target.valid``.
        higher_is_better: Direction.
        best_value: What a perfect prediction scores.
        final: Applied to the mean, for example ``torch.sqrt`` for a root mean square.
    """

    total: Tensor
    count: Tensor

    def __init__(
        self,
        values: Callable[[Tensor, Target], Tensor],
        *,
        higher_is_better: bool,
        best_value: float,
        final: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.values = values
        # torchmetrics declares the direction a class constant and refuses a plain assignment.
        object.__setattr__(self, "higher_is_better", higher_is_better)
        self.best_value = best_value
        self.final = final
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Target) -> None:
        """Add a batch."""
        values = self.values(prediction, target)
        valid = target.valid.expand_as(values)
        self.total += values.double().masked_fill(~valid, 0.0).sum()
        self.count += valid.sum()

    def compute(self) -> Tensor:
        """The pooled mean, NaN if no element was valid."""
        mean = self.total / self.count
        return mean if self.final is None else self.final(mean)
