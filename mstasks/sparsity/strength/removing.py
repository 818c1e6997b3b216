"""What the strengths that remove channels until a target is met have in common."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mstasks.sparsity.lineup import Lineup
from mstasks.sparsity.measurement import Measurement
from mstasks.sparsity.price import Sale, removals
from mstasks.sparsity.schedule import Schedule
from mstasks.sparsity.strength.base import Readings, Strength
from mstasks.sparsity.strength.remedies import late_measurement, missed_target, unmeasured

if TYPE_CHECKING:
    from mstasks.sparsity.part import SparsePart
    from mstasks.train.losses import LossSum


class Removing(Strength, ABC):
    """Measures in turns until the last round of removals was held, and says whether the target was met.

    A round that cannot be held when it is due, as its step was skipped or nothing was measured, is held as soon as it
    can be.

    Args:
        part: What is made sparse; has a budget and groups that are channels.
        tasks: Names of the recipe's tasks.
        steps: Steps of the whole run.
        window: Steps done when channels begin to leave, and when the target has to be met.
        rounds: Removals in between.
        tolerance: How far from the target the cost may end.
        measurement: Measures saliency; None if nothing has to be.

    Attributes:
        price: Value of the last channel that left, in the order in which they leave; a scalar.

    Raises:
        ValueError: If the part has no budget.
    """

    price: Tensor
    rounds: Tensor

    def __init__(
        self,
        part: SparsePart,
        tasks: Sequence[str],
        steps: int,
        window: tuple[int, int],
        rounds: int,
        tolerance: float,
        measurement: Measurement | None,
    ) -> None:
        super().__init__(part, tasks, steps)
        if part.budget is None:
            raise ValueError(f"{type(self).__name__} must be given a target. Found a part without `budget`.")
        self.budget, self.measurement, self._tolerance = part.budget, measurement, tolerance
        self.schedule = Schedule(*window, rounds, part.budget.target)
        self.register_buffer("price", torch.zeros((), dtype=torch.float64))
        self.register_buffer("rounds", torch.zeros((), dtype=torch.int64))
        self._held: int | None = None
        self._due = 0
        self.register_load_state_dict_post_hook(lambda strength, _: strength._forget())  # type: ignore[no-untyped-call]

    def begin(self, step: int) -> None:
        """Start to measure if it is a task's turn, and channels still leave."""
        if self.measurement is not None and not self.finished:
            self.measurement.begin(step)

    def watch(self) -> AbstractContextManager[None]:
        """Record the gates if it is a task's turn."""
        return nullcontext() if self.measurement is None else self.measurement.watch()

    def observe(self, losses: Mapping[str, LossSum]) -> None:
        """Measure."""
        if self.measurement is not None:
            self.measurement.observe(losses)

    def round_due(self, step: int) -> bool:
        """Whether a round has to be held after 0-based step `step`, be it one that was missed."""
        self._due = self.schedule.due(step + 1)
        return self._due != self._rounds_held()

    def finish_measurement(self) -> None:
        """Average what the step measured, if it did."""
        if self.measurement is not None:
            self.measurement.finish()

    def lineup(self) -> Lineup:
        """The alive groups."""
        return Lineup.of(self.part.groups, self.part.alive)

    def sale(self, values: Tensor, lineup: Lineup, goal: float) -> Sale:
        """What leaves in the order of `values`, shape (N,), for the cost to fall to `goal`; see `removals`."""
        return removals(values, lineup.space_of, self.budget, goal, self.budget.target - self._tolerance)

    def hold_round(self, sale: Sale, lineup: Lineup, step: int) -> None:
        """Remove what was sold, exactly and for good; the rounds due after 0-based step `step` count as held."""
        if bool(sale.dead.any()):
            self.part.remove(lineup.by_space(sale.dead))
            self.price.fill_(sale.price)
        self._held = self.schedule.due(step + 1)
        self.rounds.fill_(self._held)

    @property
    def counts(self) -> Tensor:
        """Channels of each space that were not removed, int64, shape (spaces,)."""
        return self.part.groups.counts(self.part.alive)

    @property
    def finished(self) -> bool:
        """Whether the last round was held, so that the structure is final."""
        return self._rounds_held() == self.schedule.rounds

    @property
    def settled(self) -> bool:
        """Whether the structure is final and the target met within the tolerance."""
        return self.finished and not self._missed_target()

    def serves(self) -> Mapping[str, Tensor] | None:
        """Each task's shares of saliency over the alive channels."""
        return None if self.measurement is None else self.measurement.shares()

    def readings(self) -> Readings:
        """The price, and what went wrong so far."""
        warnings = []
        if self.measurement is not None and self._due >= self.schedule.rounds / 2:
            warnings += unmeasured(self.measurement.unmeasured)
        if self.finished:
            warnings += self._missed_target()
        elif self._due == self.schedule.rounds:
            warnings += late_measurement(self.budget)
        return Readings("price", {"all": float(self.price)}, tuple(warnings))

    def _missed_target(self) -> list[str]:
        return missed_target(self.budget, self.counts, self._tolerance, "raise `tolerance` of `sparsity.strength`")

    def _rounds_held(self) -> int:
        """Read once and then remembered, since reading waits for the device."""
        if self._held is None:
            self._held = int(self.rounds)
        return self._held

    def _forget(self) -> None:
        self._held = None
