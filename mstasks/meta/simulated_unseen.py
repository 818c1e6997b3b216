"""Episodes that treat a seen task as a new one: a fresh head, few images, and then the rest as the judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from mstasks.data.batch import Batch
from mstasks.meta.episode import Episode, few_shot
from mstasks.meta.episodic import Episodic
from mstasks.meta.inner_prox import Rate
from mstasks.meta.options import SimulatedUnseenOptions
from mstasks.train.objective import Objective, StepLosses

if TYPE_CHECKING:
    from mstasks.network import Network
    from mstasks.train.state import TrainState

_TASK, _IS_EPISODE = 3, 4


class SimulatedUnseen(Episodic):
    """A share of the steps are episodes about one task, whose head starts from a learned generic initialisation.

    The inner loop adapts that head alone; the query loss then moves the shared part and the initialisation. All other
    steps are plain ones. The support set is what the task is adapted on whether or not its images have its label.

    The initialisation is one tensor for all heads' parameters of one name and shape. Where they differ in their first
    dimension, as output layers do, it is one row, which each head repeats. It starts as the heads' mean.
    """

    def __init__(
        self, network: Network, tasks: Sequence[str], steps: int, seed: int, options: SimulatedUnseenOptions
    ) -> None:
        super().__init__(network, tasks, steps, seed, options, prefix="heads.")
        self._shots, self._portion = options.shots, options.share
        self._initial: dict[str, str] = {}
        parameters = dict(network.named_parameters())
        for index, names in enumerate(_alike({name: parameters[name] for name in self.adapted})):
            self.register_parameter(f"initial_{index}", _mean([parameters[name] for name in names]))
            self._initial |= dict.fromkeys(names, f"initial_{index}")

    def gradients(self, state: TrainState, batch: Batch, objective: Objective) -> StepLosses:
        """Of episodes, or of the plain objective; the seed and the step say which, on all ranks alike."""
        if np.random.default_rng([self.seed, _IS_EPISODE, state.step]).random() < self._portion:
            return super().gradients(state, batch, objective)
        return objective.backward(batch, watcher=state.strength)

    def episodes(self, batch: Batch, count: int) -> list[Episode]:
        """Few support images, all others are queries."""
        return few_shot(batch, count, self._shots)

    def draw(self, step: int, index: int) -> tuple[str, ...]:
        """One task."""
        generator = np.random.default_rng([self.seed, _TASK, step, index])
        return (self.tasks[int(generator.integers(len(self.tasks)))],)

    def start(self, network: Network, tasks: Sequence[str]) -> dict[str, Tensor]:
        """The current weights, with the initialisation as the tasks' heads."""
        start = super().start(network, tasks)
        fresh = {name: self.get_parameter(self._initial[name]).expand_as(start[name]) for name in self._of(tasks)}
        return {**start, **fresh}

    def rates(self, tasks: Sequence[str]) -> dict[str, Rate]:
        """Of the tasks' heads."""
        rates = super().rates(tasks)
        return {name: rates[name] for name in self._of(tasks)}

    def _of(self, tasks: Sequence[str]) -> list[str]:
        return [name for name in self.adapted if name.split(".")[1] in tasks]


def _alike(parameters: dict[str, nn.Parameter]) -> list[list[str]]:
    """Names of the heads' parameters that have an initialisation in common."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for name, parameter in parameters.items():
        relative = name.split(".", 2)[2]
        groups.setdefault((relative, parameter.dim(), parameter.shape[1:]), []).append(name)
    return list(groups.values())


@torch.no_grad()
def _mean(parameters: Sequence[nn.Parameter]) -> nn.Parameter:
    """Their mean; of all their rows, shape (1, ...), if they differ in how many these are."""
    if len({parameter.shape for parameter in parameters}) == 1:
        mean = torch.stack([parameter.detach() for parameter in parameters]).mean(0)
    else:
        mean = torch.cat([parameter.detach() for parameter in parameters]).mean(0, keepdim=True)
    # As the moments of every 4-D parameter are laid out when a run is resumed.
    return nn.Parameter(mean.contiguous(memory_format=torch.channels_last) if mean.dim() == 4 else mean)
