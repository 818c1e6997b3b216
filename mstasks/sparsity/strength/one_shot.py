"""One-shot removal, a baseline: all channels that have to leave do so at once, and the rest is fine-tuned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mstasks.sparsity.lineup import Lineup
from mstasks.sparsity.measurement import Measurement
from mstasks.sparsity.price import per_cost
from mstasks.sparsity.schedule import Turns
from mstasks.sparsity.strength.options import OneShotOptions
from mstasks.sparsity.strength.removing import Removing

if TYPE_CHECKING:
    from mstasks.sparsity.part import SparsePart

_MEASURED = 0.15
"""Fraction of the steps, before the removal, at which saliency is measured."""
_DECAY = 0.9
"""Of the moving average of saliency."""


class OneShot(Removing):
    """One round, after which the cost meets the target.

    The order in which channels leave is that of their group's norm over the mean norm in its space (`magnitude`), or
    that of saliency per cost as in `priced`, measured for one task in turn at every step shortly before.

    Args:
        part: What is made sparse; has a budget and groups that are channels.
        tasks: Names of the recipe's tasks.
        steps: Steps of the whole run.
        options: When, and in which order.

    Raises:
        ValueError: If the part has no budget.
    """

    def __init__(self, part: SparsePart, tasks: Sequence[str], steps: int, options: OneShotOptions) -> None:
        at = max(1, round(options.at * steps))
        measurement = None
        if options.saliency != "magnitude":
            first = max(0, at - max(round(_MEASURED * steps), len(tasks)))
            measurement = Measurement(part, Turns(first, steps, 1, tuple(tasks)), _DECAY, options.saliency)
        super().__init__(part, tasks, steps, (at, at), 1, options.tolerance, measurement)

    def act(self, step: int) -> None:
        """Measure; when it is time and something was measured, remove all that the target asks for."""
        self.finish_measurement()
        if not self.round_due(step):
            return
        lineup = self.lineup()
        values = self._values(lineup)
        if values is not None:
            self.hold_round(self.sale(values, lineup, self.budget.target), lineup, step)

    def _values(self, lineup: Lineup) -> Tensor | None:
        if self.measurement is None:
            return relative_norms(lineup.values(self.part.norms()), lineup.space_of)
        saliency = self.measurement.combined(lineup)
        return None if saliency is None else per_cost(saliency, lineup.space_of, self.budget)


def relative_norms(norms: Tensor, space_of: Tensor) -> Tensor:
    """Norms over the mean norm of the groups of the same space; zero in a space of zeros, shape (N,).

    Args:
        norms: Shape (N,).
        space_of: Index of each group's space, int64, shape (N,).
    """
    means = torch.bincount(space_of, norms) / torch.bincount(space_of)
    return norms / means.masked_fill(means == 0, 1)[space_of]
