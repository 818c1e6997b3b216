"""What all updates with an inner loop share: episodes are drawn, adapted to, judged and averaged.

    1  for each episode of the step:
    2      C <- a task combination;  S, Q <- disjoint support and query images
    3      theta', phi' <- theta, phi                          functional copies; the network's buffers untouched
    4      repeat K times:
    5          u      <- theta' - alpha grad sum over t in C of c_t L_t(S)        phi' alike
    6          theta' <- prox_{alpha lambda}(u)                with `inner_prox`
    7      G   += dL_Q/dtheta, dL_Q/dphi                       straight through the prox
    8      H_b += dL_Q/dlog lambda_b                           through the prox's own derivative
    9  the optimiser moves theta and phi along G, log lambda along H

theta is the shared part, phi the heads, c_t the weight of task t's loss, lambda_b the strength of channel space b.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mstasks.data.batch import Batch
from mstasks.distributed import rank, world
from mstasks.errors import UsageError
from mstasks.meta.episode import Episode, split
from mstasks.meta.inner import Gradients, InnerLoop, Point
from mstasks.meta.inner_masks import inner_masks
from mstasks.meta.inner_prox import InnerProx, Rate
from mstasks.meta.options import InnerOptions
from mstasks.meta.outcomes import Outcomes, not_finite
from mstasks.meta.update import Update
from mstasks.train.losses import LossSum
from mstasks.train.objective import Objective, StepLosses

if TYPE_CHECKING:
    from mstasks.network import Network
    from mstasks.train.state import TrainState


class Episodic(Update):
    """The mean over episodes of the gradient that the query loss has after adaptation to the support set.

    Passes are functional: neither weights nor buffers of the network change, and norms take batch statistics. A
    parameter that no episode reaches gets no gradient, so that the optimiser leaves it alone.

    Args:
        network: The network.
        tasks: Names of the recipe's tasks.
        steps: Steps of the whole run.
        seed: The recipe's seed.
        options: Of the inner loop.
        prefix: What the names of adapted parameters begin with.

    Attributes:
        adapted: Names of the parameters that an inner loop may adapt.
        log_rates: With `learn_rates`, log alpha of each of them, shape (adapted,).
        skipped_episodes: Episodes left out because they were not finite, over all ranks, int64, scalar.
    """

    skipped_episodes: Tensor

    def __init__(
        self, network: Network, tasks: Sequence[str], steps: int, seed: int, options: InnerOptions, prefix: str = ""
    ) -> None:
        super().__init__(network, tasks, steps, seed)
        self._options = options
        self.adapted = tuple(
            name for name, own in network.named_parameters() if own.requires_grad and name.startswith(prefix)
        )
        self.register_buffer("skipped_episodes", torch.zeros((), dtype=torch.int64))
        if options.learn_rates:
            self.log_rates = nn.Parameter(torch.full((len(self.adapted),), math.log(options.rate)))

    def gradients(self, state: TrainState, batch: Batch, objective: Objective) -> StepLosses:
        """The mean of the episodes' gradients.

        Raises:
            NonFiniteError: If an episode is not finite and the recipe says to stop; it names tasks and images.
            UsageError: If the batch cannot be dealt into episodes, or comes in micro-batches.
        """
        if objective.optim.accumulate > 1:
            raise UsageError(
                f"optim.accumulate is {objective.optim.accumulate}, but an episode cannot be cut into micro-batches. "
                "Set it to 1; to save memory, raise `meta.update.episodes`, which are passed through one by one."
            )
        episodes = self.episodes(batch, self._share())
        prox, masks = self.prox(state), {} if state.strength is None else inner_masks(state.strength.part)
        outcomes = Outcomes(_moved(state), self.tasks)
        for index, episode in enumerate(episodes, rank() * len(episodes)):  # line 1
            tasks = self.draw(state.step, index)
            inner = InnerLoop(self.rates(tasks), self._options.steps, self._options.order == "second", masks, prox)
            gradients, sums = self._episode(state, objective, inner, episode, tasks)
            outcomes.add(gradients, sums, not_finite(state.step, episode, tasks))
        losses = outcomes.finish(stop=objective.optim.non_finite == "stop")
        self.skipped_episodes += outcomes.bad
        return losses

    def _episode(
        self, state: TrainState, objective: Objective, inner: InnerLoop, episode: Episode, tasks: Sequence[str]
    ) -> tuple[Gradients, dict[str, LossSum]]:
        """Gradients of everything that the optimiser moves, and the query losses."""
        sums: dict[str, LossSum] = {}

        def support_loss(point: Point, step: int) -> Tensor:
            # The first support pass is the one at the current weights.
            return self._pass(state, objective, episode.support, tasks, point, watched=step == 0)[0]

        def query_loss(point: Point) -> Tensor:
            loss, seen = self._pass(state, objective, episode.query, tasks, point, watched=False)
            sums.update(seen)
            return loss

        start = self.start(state.network, tasks)  # line 3
        end = inner.adapt(support_loss, start)  # lines 4 to 6
        return inner.outer(query_loss, end, *_weights_and_others(state)), sums  # lines 7 and 8

    def _pass(
        self, state: TrainState, objective: Objective, part: Batch, tasks: Sequence[str], point: Point, *, watched: bool
    ) -> tuple[Tensor, dict[str, LossSum]]:
        """The objective at a point and each task's sum; the strength sees the one pass that is `watched`."""
        sums = objective.sums(part, point, tasks, state.strength if watched else None)
        means = {name: loss.total / loss.count.clamp(min=1) for name, loss in sums.items()}
        absent = torch.zeros((), dtype=torch.int64, device=part.images.device)
        counts = {name: sums[name].count if name in sums else absent for name in objective.tasks}
        return objective.total(means, counts), sums

    def episodes(self, batch: Batch, count: int) -> list[Episode]:
        """Line 2: support and query sets of this rank's episodes."""
        return split(batch, count)

    @abstractmethod
    def draw(self, step: int, index: int) -> tuple[str, ...]:
        """Line 2: the tasks of an episode, by 0-based step and number of the episode among those of all ranks."""

    def start(self, network: Network, tasks: Sequence[str]) -> dict[str, Tensor]:  # noqa: ARG002
        """Line 3: where an episode starts, parameters and copies of the buffers by name.

        A pass in training mode writes running statistics to the copies.
        """
        buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
        return {**dict(network.named_parameters()), **buffers}

    def rates(self, tasks: Sequence[str]) -> dict[str, Rate]:  # noqa: ARG002
        """Inner rate alpha by name of each parameter that an episode on these tasks adapts."""
        if not self._options.learn_rates:
            return dict.fromkeys(self.adapted, self._options.rate)
        return dict(zip(self.adapted, self.log_rates.exp().unbind(), strict=True))

    def prox(self, state: TrainState) -> InnerProx | None:  # noqa: ARG002
        """The proximal step of this step's inner loops; none by default."""
        return None

    def _share(self) -> int:
        """Episodes of this rank."""
        if self._options.episodes % world():
            raise UsageError(
                f"meta.update.episodes is {self._options.episodes}, which {world()} processes cannot share evenly. "
                f"Choose a multiple of {world()}."
            )
        return self._options.episodes // world()


def _moved(state: TrainState) -> list[nn.Parameter]:
    weights, others = _weights_and_others(state)
    return [*weights, *others]


def _weights_and_others(state: TrainState) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """What the optimiser moves: the network's weights, and the rest."""
    weights = {id(own) for own in state.network.parameters()}
    moved = [own for group in state.optimizer.param_groups for own in group["params"]]
    return [own for own in moved if id(own) in weights], [own for own in moved if id(own) not in weights]
