"""What a meta update is: how the gradients of one step come about."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from mstasks.data.batch import Batch
    from mstasks.network import Network
    from mstasks.train.objective import Objective, StepLosses
    from mstasks.train.state import TrainState


class Update(nn.Module, ABC):
    """Base class. State that must survive a resume is kept in buffers and parameters.

    Parameters of its own (inner rates, initialisations) are moved by the run's optimiser at the scheduled rate, without
    weight decay and clipping.

    Args:
        network: The network; not registered as a module.
        tasks: Names of the recipe's tasks.
        steps: Steps of the whole run.
        seed: The recipe's seed: what an update draws at a step must depend on it, the step and the rank alone.

    Attributes:
        rate: Constant learning rate of its own parameters; None for the recipe's, as scheduled.
    """

    rate: float | None = None

    def __init__(self, network: Network, tasks: Sequence[str], steps: int, seed: int) -> None:  # noqa: ARG002
        super().__init__()
        self.tasks, self.steps, self.seed = tuple(tasks), steps, seed

    @abstractmethod
    def gradients(self, state: TrainState, batch: Batch, objective: Objective) -> StepLosses:
        """Add this rank's part of the step's gradient to `.grad` of every parameter that the optimiser moves.

        Weights and buffers are as before on return, but for the running statistics of passes at the current weights.

        Args:
            state: What is trained; gradients are None, learning rates those of this step.
            batch: This rank's part of the batch, on the device. Even positions are support, odd ones query images.
            objective: Losses and passes.

        Raises:
            NonFiniteError: If an episode is not finite and the recipe says to stop.
        """
