"""MAML with other libraries' differentiable optimisers, as updates that take the place of `mstasks.meta.maml`.

Everything else of a step is the same: passes, losses, episodes, clipping, the outer optimiser. Both libraries are optional:
pip install torchopt higher
"""

from __future__ import annotations

import importlib
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import ModuleType

import torch
from torch import Tensor

from mstasks.data.batch import Batch
from mstasks.meta.episode import split
from mstasks.meta.options import MamlOptions
from mstasks.meta.update import Update
from mstasks.network import Network
from mstasks.train.losses import LossSum
from mstasks.train.objective import Objective, StepLosses
from mstasks.train.state import TrainState


class Peer(Update):
    """One episode on all tasks: the even images of the batch are support, the odd ones query."""

    def __init__(self, network: Network, tasks: Sequence[str], steps: int, seed: int, options: MamlOptions) -> None:
        super().__init__(network, tasks, steps, seed)
        self.options, self.second = options, options.order == "second"

    def gradients(self, state: TrainState, batch: Batch, objective: Objective) -> StepLosses:
        episode = split(batch, 1)[0]
        gradients, sums = self.meta_gradients(state.network, objective, episode.support, episode.query)
        for parameter, gradient in zip(state.network.parameters(), gradients, strict=True):
            parameter.grad = gradient
        means = {name: loss.total.detach() / loss.count.clamp(min=1) for name, loss in sums.items()}
        return StepLosses(means, {name: loss.count for name, loss in sums.items()})

    @abstractmethod
    def meta_gradients(
        self, network: Network, objective: Objective, support: Batch, query: Batch
    ) -> tuple[Sequence[Tensor], dict[str, LossSum]]:
        """The gradient of the query loss for each of the network's parameters, and the tasks' query losses."""


class TorchOptMaml(Peer):
    """The functional interface of TorchOpt (Ren et al. 2023): `init`, `update` and `apply_updates`, not in place."""

    def meta_gradients(
        self, network: Network, objective: Objective, support: Batch, query: Batch
    ) -> tuple[Sequence[Tensor], dict[str, LossSum]]:
        torchopt = importlib.import_module("torchopt")
        names, weights = zip(*network.named_parameters(), strict=True)
        buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}

        def loss_at(point: Sequence[Tensor], part: Batch) -> tuple[Tensor, dict[str, LossSum]]:
            return total(objective, objective.sums(part, {**dict(zip(names, point, strict=True)), **buffers}))

        point, optimizer = weights, torchopt.sgd(lr=self.options.rate)
        inner = optimizer.init(point)
        for _ in range(self.options.steps):
            slopes = torch.autograd.grad(loss_at(point, support)[0], point, create_graph=self.second)
            updates, inner = optimizer.update(slopes, inner, params=point, inplace=False)
            point = torchopt.apply_updates(point, updates, inplace=False)
        loss, sums = loss_at(point, query)
        return torch.autograd.grad(loss, weights), sums


class HigherMaml(Peer):
    """`innerloop_ctx` of higher (Grefenstette et al. 2019) around the network and its SGD."""

    def meta_gradients(
        self, network: Network, objective: Objective, support: Batch, query: Batch
    ) -> tuple[Sequence[Tensor], dict[str, LossSum]]:
        higher = importlib.import_module("higher")
        inner = torch.optim.SGD(network.parameters(), lr=self.options.rate)
        loop = higher.innerloop_ctx(network, inner, copy_initial_weights=False, track_higher_grads=self.second)
        with loop as (functional, optimizer):
            adapted = replace(objective, network=functional)
            for _ in range(self.options.steps):
                optimizer.step(total(objective, adapted.sums(support))[0])
            loss, sums = total(objective, adapted.sums(query))
            return torch.autograd.grad(loss, list(functional.parameters(time=0 if self.second else -1))), sums


def total(objective: Objective, sums: dict[str, LossSum]) -> tuple[Tensor, dict[str, LossSum]]:
    means = {name: loss.total / loss.count.clamp(min=1) for name, loss in sums.items()}
    return objective.total(means, {name: loss.count for name, loss in sums.items()}), sums


def peers() -> dict[str, Callable[..., Peer]]:
    """Those whose library imports; says which one is left out and why."""
    found = {}
    for name, peer in {"torchopt": TorchOptMaml, "higher": HigherMaml}.items():
        try:
            library: ModuleType = importlib.import_module(name)
        except ImportError as error:
            print(f"{name} is left out ({error}). To compare with it: pip install {name}")
        else:
            print(f"{name} {getattr(library, '__version__', '')}".rstrip())
            found[name] = peer
    return found
