"""Loss weighting: how the tasks' losses become one objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from mstasks.options import Options


class LossWeighting(nn.Module, ABC):
    """Weights the task losses; its own parameters are optimised together with the network.

    The objective of a step is ``sum_t factors[t] * loss[t] + sum over labelled t of penalties[t]``: linear in the
    losses, so that micro-batches and ranks add up to the whole batch.
    """

    @abstractmethod
    def factors(self) -> Mapping[str, Tensor]:
        """Factor of each task's loss, scalars."""

    def penalties(self) -> Mapping[str, Tensor]:
        """What is added once a step for each task that has a label in the batch, scalars. Default: nothing."""
        return {}


class FixedWeighting(LossWeighting):
    """The recipe's `tasks.<name>.weight`, constant."""

    def __init__(self, weights: Mapping[str, float], options: Options | None = None) -> None:  # noqa: ARG002
        super().__init__()
        self.names = list(weights)
        self.register_buffer("values", torch.tensor(list(weights.values())), persistent=False)

    def factors(self) -> Mapping[str, Tensor]:
        """The weights."""
        return dict(zip(self.names, self.get_buffer("values").unbind(), strict=True))


class UncertaintyWeighting(LossWeighting):
    """Homoscedastic uncertainty: ``exp(-s_t) * loss_t + s_t / 2`` with a learned log-variance ``s_t`` per task.

    Kendall, Gal, Cipolla 2018, "Multi-task learning using uncertainty to weigh losses", the form that they give for
    classification, ``loss / sigma^2 + log sigma`` with ``s = log sigma^2``, here for every task.
    """

    def __init__(self, weights: Mapping[str, float], options: Options | None = None) -> None:  # noqa: ARG002
        super().__init__()
        self.names = list(weights)
        self.log_variance = nn.Parameter(torch.zeros(len(weights)))

    def factors(self) -> Mapping[str, Tensor]:
        """exp(-s_t)."""
        return dict(zip(self.names, torch.exp(-self.log_variance).unbind(), strict=True))

    def penalties(self) -> Mapping[str, Tensor]:
        """s_t / 2."""
        return dict(zip(self.names, (self.log_variance / 2).unbind(), strict=True))


def objective(
    losses: Mapping[str, Tensor], counts: Mapping[str, Tensor], weighting: LossWeighting, share: float = 1.0
) -> Tensor:
    """The scalar to differentiate.

    Args:
        losses: Each task's mean loss; of a micro-batch, its part of the step's mean.
        counts: Labelled examples of each task in the whole step; a task without any drops out, penalty included.
        weighting: The loss weighting.
        share: This micro-batch's share of the step, which the penalties are multiplied by.
    """
    factors, penalties = weighting.factors(), weighting.penalties()
    total = torch.stack([factors[name] * loss for name, loss in losses.items()]).sum()
    for name, penalty in penalties.items():
        total = total + share * penalty * (counts[name] > 0)
    return total
