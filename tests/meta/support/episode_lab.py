"""A smooth network of a few hundred weights in float64, with everything that an update needs around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mstasks import PooledMean, Target, TargetInfo, TargetKind, Task, TaskMetric, per_example_mean
from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.meta.update import Update
from mstasks.recipe.model import Optim
from mstasks.sparsity.part import SparsePart
from mstasks.sparsity.space import Member, Space
from mstasks.sparsity.spaces import Spaces
from mstasks.sparsity.strength.base import Readings, Strength
from mstasks.train.losses import LossSum
from mstasks.train.objective import Objective, StepLosses
from mstasks.train.state import TrainState
from mstasks.train.weighting import LossWeighting, UncertaintyWeighting

TASKS = ("one", "two", "three")
CPU = torch.device("cpu")


class Reading(Task):
    """Regress a scalar map by squared error."""

    kind = TargetKind.SCALAR_MAP
    channels = 1

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        return per_example_mean((prediction - target.value) ** 2, target.valid)

    def metrics(self) -> Mapping[str, TaskMetric]:
        return {"mae": PooledMean(lambda p, t: (p - t.value).abs(), higher_is_better=False, best_value=0.0)}


class Network(nn.Module):
    """Four convolutions in a backbone and a trunk, and heads; `norm` adds a BatchNorm."""

    def __init__(self, norm: bool = False, channels: Mapping[str, int] | None = None) -> None:
        super().__init__()
        self.backbone = nn.ModuleDict(
            {
                "stem": nn.Conv2d(3, 4, 3, padding=1),
                "norm": nn.BatchNorm2d(4) if norm else nn.Identity(),
                "body": nn.ModuleList([nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1)]),
            }
        )
        self.trunk = nn.Conv2d(4, 4, 1)
        channels = channels or dict.fromkeys(TASKS, 1)
        self.heads = nn.ModuleDict({name: nn.Conv2d(4, count, 1) for name, count in channels.items()})
        self.register_buffer("scale", torch.ones(1, 3, 1, 1))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        maps = torch.tanh(self.backbone["norm"](self.backbone["stem"](images * self.scale)))
        for layer in self.backbone["body"]:
            maps = torch.tanh(layer(maps))
        maps = torch.tanh(self.trunk(maps))
        return {name: head(maps) for name, head in self.heads.items()}


def make_network(seed: int = 0, **options: Any) -> Network:
    torch.manual_seed(seed)
    network = Network(**options).double()
    with torch.no_grad():
        for own in network.parameters():
            own.mul_(1.5)  # so that tanh bends and gradients are not tiny
    return network


def make_batch(size: int = 8, seed: int = 0, ids: Sequence[str] | None = None) -> Batch:
    """Random images and labels; pixels are missing at random, and task two on every third image."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (size, 3, 5, 5), dtype=torch.uint8, generator=generator)
    targets = {}
    for name in TASKS:
        value = 3 * torch.randn((size, 1, 5, 5), generator=generator)
        valid = torch.rand((size, 1, 5, 5), generator=generator) < 0.7
        if name == "two":
            valid[::3] = False
        targets[name] = Target(value * valid, valid)
    return Batch(tuple(ids or map(str, range(size))), images, targets)


def bound_tasks(names: Sequence[str] = TASKS) -> dict[str, BoundTask]:
    info = TargetInfo(TargetKind.SCALAR_MAP)
    return {name: BoundTask(name, Reading(info), name) for name in names}


def make_weighting() -> UncertaintyWeighting:
    weighting = UncertaintyWeighting(dict.fromkeys(TASKS, 1.0)).double()
    with torch.no_grad():
        weighting.log_variance.copy_(torch.tensor([0.3, -0.4, 0.1]))
    return weighting


def make_spaces(floor: int = 0) -> Spaces:
    """Rows with their bias, and for the trunk columns, as two kinds of groups lie in memory."""
    spaces = []
    for name in ("backbone.stem", "backbone.body.0", "backbone.body.1"):
        spaces.append(Space(name, 4, (Member(f"{name}.weight"), Member(f"{name}.bias")), floor))
    spaces.append(Space("trunk", 4, (Member("trunk.weight", 1),), floor))
    return Spaces("output-channel", "shared", tuple(spaces), ())


def make_part(network: nn.Module, metric: Any = "euclidean", floor: int = 0) -> SparsePart:
    return SparsePart(network, make_spaces(floor), None, None, metric, (5, 5))  # type: ignore[arg-type]


class Watcher(Strength):
    """Does nothing but note what it is shown, and which passes it was to watch.

    Attributes:
        seen: Summed losses, one entry for each call of `observe`.
        passes: Images of each watched pass.
    """

    def __init__(self, part: SparsePart, tasks: Sequence[str], steps: int) -> None:
        super().__init__(part, tasks, steps)
        self.seen: list[dict[str, float]] = []
        self.passes: list[int] = []
        self._watching = False
        part.network.trunk.register_forward_pre_hook(lambda _, maps: self._note(maps[0]))

    @contextmanager
    def watch(self) -> Iterator[None]:
        self._watching = True
        yield
        self._watching = False

    def _note(self, maps: Tensor) -> None:
        if self._watching:
            assert maps.requires_grad
            self.passes.append(len(maps))

    def observe(self, losses: Mapping[str, LossSum]) -> None:
        assert all(loss.total.requires_grad for loss in losses.values())
        self.seen.append({name: loss.total.item() for name, loss in losses.items()})

    def act(self, step: int) -> None:
        pass

    def readings(self) -> Readings:
        return Readings("lambda", {})


@dataclass
class Lab:
    """A state with its objective."""

    state: TrainState
    objective: Objective

    def gradients(self, batch: Batch) -> StepLosses:
        self.state.optimizer.zero_grad()
        return self.state.update.gradients(self.state, batch, self.objective)

    def grads(self) -> dict[str, Tensor]:
        """Gradients of the network's parameters by name, zero where there is none."""
        named = self.state.network.named_parameters()
        return {name: torch.zeros_like(own) if own.grad is None else own.grad for name, own in named}


def make_lab(
    update: Callable[[Network], Update],
    network: Network | None = None,
    weighting: LossWeighting | None = None,
    strength: Callable[[SparsePart], Strength] | None = None,
    metric: str = "euclidean",
    floor: int = 0,
    **optim: Any,
) -> Lab:
    """Everything in float64; with the metric `adam`, the optimiser has made a step."""
    network = network or make_network()
    weighting = weighting or make_weighting()
    chosen = Optim(**optim)
    built = strength(make_part(network, metric, floor)).double() if strength else None
    state = TrainState.create(network, weighting, chosen, CPU, update(network).double(), built)  # type: ignore[arg-type]
    if metric == "adam":
        torch.manual_seed(7)
        for own in network.parameters():
            own.grad = 0.2 + torch.rand_like(own)
        state.optimizer.step()
    return Lab(state, Objective(network, weighting, bound_tasks(), chosen))  # type: ignore[arg-type]
