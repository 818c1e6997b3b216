"""What a strategy works with: a network with a head for the task, a support set, and what must not be lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from mstasks.adapt.seen import Seen
from mstasks.adapt.support import Support
from mstasks.adapt.zeros import KeptZeros
from mstasks.bound import BoundTask
from mstasks.device import Precision
from mstasks.network import Network

if TYPE_CHECKING:
    from torch import Tensor

Log = Callable[[int, Mapping[str, float]], None]
"""Takes the step, from 1, and the mean loss of each task."""


def ignore(step: int, losses: Mapping[str, float]) -> None:
    """Leave no log."""


@dataclass(frozen=True, slots=True)
class Session:
    """One adaptation of one network to one task.

    Attributes:
        network: On the device; changed in place.
        bound: The task.
        new: Parts that learn at the rate of what is new: ``heads.<task>``, and `fresh`.
        fresh: Parts without trained weights, whose norms take statistics: ``heads.<task>`` unless the network did the
            task before, ``backbone`` and ``trunk`` if nobody trained them.
        support: The support set.
        seen: The tasks that the network did before, and what is done to keep them.
        zeros: Keeps what is zero at zero; None if the network may grow.
        precision: Of forward passes.
        log: Told about every step.
    """

    network: Network
    bound: BoundTask
    new: frozenset[str]
    fresh: frozenset[str]
    support: Support
    seen: Seen
    zeros: KeptZeros | None
    precision: Precision
    log: Log

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def state(self) -> dict[str, Tensor]:
        """A copy of everything in the network that training changes."""
        return {name: value.detach().clone() for name, value in self.network.state_dict().items()}
