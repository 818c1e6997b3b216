"""The plain update: the gradient of the whole batch's objective."""

from __future__ import annotations

from mstasks.data.batch import Batch
from mstasks.meta.update import Update
from mstasks.train.objective import Objective, StepLosses
from mstasks.train.state import TrainState


class PlainUpdate(Update):
    """One backward pass over the whole batch."""

    def gradients(self, state: TrainState, batch: Batch, objective: Objective) -> StepLosses:
        """The gradient at the current weights."""
        return objective.backward(batch, watcher=state.strength)
