"""Priced removal, the default: channels leave whose saliency for the tasks is not worth their cost.

Saliency is measured for one task in turn on the training pass itself. A channel's largest share over tasks, divided by
what the channel costs, is compared with the price at which the budget is met. That price is what is learned: the
multiplier of the constraint on the cost. Channels that the price of a little later would remove are shrunk on their way
out; the others feel nothing, and after the window none does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mstasks.sparsity.lineup import Lineup
from mstasks.sparsity.measurement import Measurement
from mstasks.sparsity.price import per_cost, uniform
from mstasks.sparsity.schedule import Turns
from mstasks.sparsity.space import group_norms
from mstasks.sparsity.strength.options import PricedOptions
from mstasks.sparsity.strength.removing import Removing

if TYPE_CHECKING:
    from mstasks.sparsity.part import SparsePart


class Priced(Removing):
    """Removal against a price.

    With m* the target, T all steps and k those done::

        every 3rd step  one task in turn: update F
        every step      doomed groups: w_g <- w_g * max(0.02, 1 - d_g / |w_g|)
        every round     s_g = max_t F[t, g] / sum_g F[t, g];  c_g = marginal cost of g at the current counts
                        mu = the price at which removing every alive g with s_g / c_g < mu meets sched(k)
                        remove those exactly and for good
                        doomed = what the price at sched(k + T/12) would remove: d_g = |w_g| / (T/12) on entry,
                        0 on release

    sched falls linearly from 1 to m* over the window. With `allocation: uniform-per-layer` all spaces lose the same
    fraction of their channels, the least salient ones, and that fraction takes the place of the price.

    Args:
        part: What is made sparse; has a budget and groups that are channels.
        tasks: Names of the recipe's tasks.
        steps: Steps T of the whole run.
        options: The numbers above.

    Raises:
        ValueError: If the part has no budget, or the window ends before it begins.
    """

    measurement: Measurement

    def __init__(self, part: SparsePart, tasks: Sequence[str], steps: int, options: PricedOptions) -> None:
        begin, end = (round(share * steps) for share in options.window)
        turns = Turns(round(options.measure_from * steps), steps, options.measure_every, tuple(tasks))
        measurement = Measurement(part, turns, options.decay, options.saliency)
        super().__init__(part, tasks, steps, (begin, end), options.rounds, options.tolerance, measurement)
        self._options = options
        self._horizon = options.horizon * steps
        for index, space in enumerate(part.groups.spaces):  # names of spaces hold dots, which buffers must not
            self.register_buffer(f"threshold_{index}", torch.zeros(space.size))
        self._shrinking: list[str] | None = None

    def act(self, step: int) -> None:
        """Measure and shrink; in a round, remove what the price says and look who is next."""
        self.finish_measurement()  # one task in turn: update F
        self._shrink()  # doomed groups: w_g <- w_g * max(0.02, 1 - d_g / |w_g|)
        if not self.round_due(step):
            return
        lineup = self.lineup()
        values = self._values(lineup)  # s_g / c_g
        if values is None:  # nothing was measured yet: the next step tries again
            return
        now = self.sale(values, lineup, self.schedule.goal(step + 1))  # mu meets sched(k)
        self.hold_round(now, lineup, step)  # remove those exactly and for good
        later = self.sale(values, lineup, self.schedule.goal(step + 1 + self._horizon))
        self._doom(lineup.by_space(later.dead & ~now.dead))  # what the price at sched(k + T/12) would remove

    @property
    def thresholds(self) -> dict[str, Tensor]:
        """d_g by space: how much a step takes from the norms of doomed groups, 0 for others, shape (size,)."""
        return {name: self.get_buffer(f"threshold_{index}") for index, name in enumerate(self.part.groups.names)}

    def _values(self, lineup: Lineup) -> Tensor | None:
        saliency = self.measurement.combined(lineup, self._options.across_tasks)
        if saliency is None:
            return None
        order = per_cost if self._options.allocation == "global" else uniform
        return order(saliency, lineup.space_of, self.budget)

    @torch.no_grad()
    def _shrink(self) -> None:
        thresholds = self.thresholds
        for name in self._doomed_spaces():
            norms = group_norms(self.part.spaces[name], self.part.parameters)
            factors = 1 - thresholds[name] / norms.masked_fill(norms == 0, 1)
            self.part.shrink(name, factors.clamp(min=self._options.least_factor))

    @torch.no_grad()
    def _doom(self, doomed: Mapping[str, Tensor]) -> None:
        """Give those that enter a threshold that takes their norm away within the horizon, and release the others."""
        if not self._options.lasso:
            return
        norms = self.part.norms()
        for name, threshold in self.thresholds.items():
            marked = doomed[name].to(threshold.device)
            entering = torch.where(threshold > 0, threshold, norms[name] / self._horizon)
            threshold.copy_(torch.where(marked, entering, 0))
        self._shrinking = None

    def _doomed_spaces(self) -> list[str]:
        """Spaces with doomed groups; looked up once after each change, since it waits for the device."""
        if self._shrinking is None:
            self._shrinking = [name for name, threshold in self.thresholds.items() if bool(threshold.any())]
        return self._shrinking

    def _forget(self) -> None:
        super()._forget()
        self._shrinking = None
