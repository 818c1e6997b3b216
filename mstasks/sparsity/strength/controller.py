"""A lambda that rises until the target is met: the group lasso with a cost constraint."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mstasks.errors import UsageError
from mstasks.sparsity.alive import zero_groups
from mstasks.sparsity.space import Space, along, group_weight, norms
from mstasks.sparsity.spaces import in_scope
from mstasks.sparsity.strength.base import Readings, Strength
from mstasks.sparsity.strength.options import MAXIMUM, ControllerOptions
from mstasks.sparsity.strength.remedies import missed_target

if TYPE_CHECKING:
    from mstasks.sparsity.budget import Budget
    from mstasks.sparsity.part import SparsePart

TOLERANCE = 0.004
"""How far below the target the cost may end where groups are small enough."""

LATE = 0.6
"""Fraction of the steps after which a target that is not met leaves too little time to recover."""


class Controller(Strength):
    """log lambda rises by gain times the relative excess of the cost, at most by a limit, after every proximal step.

    lambda itself stays at most `MAXIMUM`: where zero groups save nothing, it would rise until nothing is left of the
    network. This is integral control of lambda as the multiplier of a constraint on the cost. When a proximal step
    takes the cost to the target, it is undone, and instead groups leave for good in the order of |g| / (lambda w_g), in
    which they would die in the Euclidean metric, until the target is met; lambda is zero from then on. For coupled
    groups do not come back, and what the step took too much would be lost. The order is the same for the metric `adam`,
    whose denominators differ from step to step: what leaves for good should not hang on those of one step. A group that
    would take the cost more than `TOLERANCE` below the target stays, with all that are left of its space, for cheaper
    ones further on; without any, the cost ends as close to the target as was found.

    Until then the members' weights are copied once a step and the cost is read back from the device.

    Args:
        part: With a budget.
        tasks: See `Strength`.
        steps: See `Strength`.
        options: See `ControllerOptions`.

    Raises:
        UsageError: If there is no target.
    """

    log_lambda: Tensor
    reached: Tensor

    def __init__(self, part: SparsePart, tasks: Sequence[str], steps: int, options: ControllerOptions) -> None:
        super().__init__(part, tasks, steps)
        if part.budget is None:
            raise UsageError("strength 'controller' needs a target. Set `sparsity.target`, for example {macs: 0.5}.")
        self._budget: Budget = part.budget
        self._options = options
        self._shares = spatial_shares(part) if options.allocation == "spatial" else dict.fromkeys(part.spaces, 1.0)
        self._step = 0
        self.register_buffer("log_lambda", torch.tensor(math.log(options.initial)))
        self.register_buffer("reached", torch.tensor(False))

    def strengths(self) -> Mapping[str, Tensor | float]:
        """Lambda times each space's share; zero once the target is met."""
        value = 0.0 if bool(self.reached) else math.exp(float(self.log_lambda))
        return {name: value * share for name, share in self._shares.items()}

    @torch.no_grad()
    def act(self, step: int) -> None:
        """A proximal step, then control; on meeting the target, the end of both."""
        self._step = step
        if bool(self.reached):
            return
        parameters, target = self.part.parameters, self._budget.target
        before = {space.name: [part.clone() for part in space.slices(parameters)] for space in self._spaces}
        self.part.prox(self.strengths())
        excess = self._cost() / target - 1
        if excess <= 0:
            self._land(before)
            self.part.remove(self._zeros())
            self.reached.fill_(True)
        self.log_lambda += min(self._options.gain * excess, self._options.limit)
        self.log_lambda.clamp_(max=math.log(MAXIMUM))

    @property
    def settled(self) -> bool:
        """Whether the structure is final and the target met within `TOLERANCE`."""
        return bool(self.reached) and not missed_target(self._budget, self.part.counts(), TOLERANCE)

    def readings(self) -> Readings:
        """Lambda, with a warning if it cannot rise any more, or if the target is not met late in the run or closely."""
        strengths = {name: float(value) for name, value in self.strengths().items()}
        uniform = self._options.allocation == "uniform"
        values = {"all": next(iter(strengths.values()))} if uniform else strengths
        return Readings("lambda", values, tuple(self._warnings()))

    def _warnings(self) -> Iterator[str]:
        asked = f"sparsity.target: {self._budget.kind} {self._budget.target:g}"
        if bool(self.reached):
            yield from missed_target(self._budget, self.part.counts(), TOLERANCE)
        elif math.isclose(float(self.log_lambda), math.log(MAXIMUM), rel_tol=1e-6):
            yield (
                f"lambda is {MAXIMUM:g}, as large as it may get, and {asked} is not met: zero groups save too little, "
                "or a proximal step, whose size is the learning rate, is too short. Take `sparsity.groups: channel`, "
                "widen `sparsity.scope`, or raise `optim.lr`."
            )
        elif self._step + 1 >= LATE * self.steps:
            yield (
                f"{asked} is not met after {LATE:.0%} of the steps, which leaves little time to recover. Raise "
                "`initial`, `gain` or `limit` of the strength 'controller', or `optim.steps`."
            )

    @property
    def _spaces(self) -> Sequence[Space]:
        return self.part.groups.spaces

    def _zeros(self) -> dict[str, Tensor]:
        parameters = self.part.parameters
        return {space.name: zero_groups(space, parameters) for space in self._spaces}

    def _cost(self) -> float:
        return float(self._budget.fraction(self.part.counts()))

    def _land(self, before: Mapping[str, Sequence[Tensor]]) -> None:
        """Undo the step and make groups zero instead, so that the cost is at the target or just below.

        Args:
            before: The members' slices before the proximal step, by space.
        """
        sizes = torch.tensor([space.size for space in self._spaces], device=self.log_lambda.device)
        space_of, queue = torch.repeat_interleave(sizes), self._queue(before)
        gone = torch.zeros_like(space_of, dtype=torch.bool)
        found: list[tuple[float, Tensor]] = []

        def dead(length: int) -> Tensor:
            return gone.index_fill(0, queue[:length], True)

        def excess(length: int) -> float:
            self._undo(before, dead(length))
            return self._cost() - self._budget.target

        while True:
            # The cost falls with every group, so bisection finds the first prefix that meets the target.
            length = bisect_left(range(len(queue)), True, key=lambda length: excess(length) <= 0)
            found.append((over := excess(length), dead(length)))
            if length == 0 or over >= -TOLERANCE:
                break
            dear = space_of[queue[length - 1]]
            gone, queue = dead(length - 1), queue[length:][space_of[queue[length:]] != dear]
        self._undo(before, min(found, key=lambda pair: abs(pair[0]))[1])

    def _undo(self, before: Mapping[str, Sequence[Tensor]], dead: Tensor) -> None:
        """Put the slices back, with zeros for the dead groups; bool, shape (groups,)."""
        parameters = self.part.parameters
        for space, mask in zip(self._spaces, torch.split(dead, [space.size for space in self._spaces]), strict=True):
            for part, old, dim in zip(space.slices(parameters), before[space.name], space.dims, strict=True):
                part.copy_(old.masked_fill(along(mask, part, dim), 0))

    def _queue(self, before: Mapping[str, Sequence[Tensor]]) -> Tensor:
        """Indices of all groups but those that floors keep, the weakest first, shape (groups,)."""
        strengths, parameters = self.strengths(), self.part.parameters
        resistances = []
        for space in self._spaces:
            weight = group_weight(space, parameters) * float(strengths[space.name])
            resistance = norms(before[space.name], space.dims) / weight
            resistances.append(resistance.index_fill(0, resistance.topk(space.floor).indices, math.inf))
        order = torch.cat(resistances).sort(stable=True)
        return order.indices[order.values.isfinite()]


def spatial_shares(part: SparsePart) -> dict[str, float]:
    """By space, (height x width)^0.5 of its layers' output maps over the geometric mean of all spaces.

    Where the layers of a space differ, as a squeeze-excite gate and a convolution do, the largest map counts.
    """
    names = [name for name in part.parameters if in_scope(name, part.costs.spaces.scope)]
    positions = dict(zip(names, part.costs.positions.tolist(), strict=True))
    areas = {
        space.name: max(1.0, *(positions.get(member.parameter, 0.0) for member in space.members))
        for space in part.groups.spaces
    }
    mean = sum(math.log(area) for area in areas.values()) / len(areas)
    return {name: math.exp(0.5 * (math.log(area) - mean)) for name, area in areas.items()}
