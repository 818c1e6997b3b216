"""What a strength is: it decides after every step which groups shrink by how much, and which leave."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from mstasks.sparsity.part import SparsePart
    from mstasks.train.losses import LossSum


@dataclass(frozen=True, slots=True)
class Readings:
    """What a strength shows while it works.

    Attributes:
        name: What the values are: ``lambda`` or ``price``.
        values: By space or, where all have the same, one value under ``"all"``.
        warnings: Sentences with a remedy; each is shown once.
    """

    name: str
    values: Mapping[str, float]
    warnings: tuple[str, ...] = field(default=())


class Strength(nn.Module, ABC):
    """Base class. State that must survive a resume is kept in buffers and parameters.

    Parameters of its own are moved by the run's optimiser at the constant `rate`, without weight decay and clipping.

    Args:
        part: What is made sparse.
        tasks: Names of the recipe's tasks.
        steps: Steps of the whole run.

    Attributes:
        rate: Learning rate of its own parameters.
    """

    rate: float = 0.0

    def __init__(self, part: SparsePart, tasks: Sequence[str], steps: int) -> None:
        super().__init__()
        self.part, self.tasks, self.steps = part, tuple(tasks), steps
        self.mask = part.mask  # saved with the strength's own state

    def begin(self, step: int) -> None:
        """Called before the forward pass of 0-based step `step`."""

    def watch(self) -> AbstractContextManager[None]:
        """Around the forward passes whose losses `observe` is to see; they are at the current shared weights."""
        return nullcontext()

    def observe(self, losses: Mapping[str, LossSum]) -> None:
        """Called between a watched forward pass and its backward pass, once a micro-batch.

        Args:
            losses: By task, the sum of the losses of this micro-batch's labelled examples, still attached to the graph.
        """

    @abstractmethod
    def act(self, step: int) -> None:
        """Called after the update of 0-based step `step`: shrink and remove (`SparsePart.prox`, `shrink`, `remove`)."""

    def strengths(self) -> Mapping[str, Tensor | float]:
        """Lambda by space as it is now, for a proximal step in an inner loop; differentiable where it is learned.

        Raises:
            ValueError: If it has no lambda.
        """
        raise ValueError(f"{type(self).__name__} has no lambda that an inner loop could use.")

    def serves(self) -> Mapping[str, Tensor] | None:
        """How much each channel matters to each task, as far as it was measured.

        Returns:
            By space, shape (tasks, size), >= 0, rows in the order of `tasks`; each task sums to 1 over all alive
            channels of all spaces. None if nothing was measured.
        """
        return None

    @property
    def settled(self) -> bool:
        """Whether the structure is final and the target met, so that a checkpoint may be the best one.

        As long as no checkpoint was, the last one is kept; that is the default, for a structure that may always change.
        """
        return False

    @abstractmethod
    def readings(self) -> Readings:
        """What to show now."""
