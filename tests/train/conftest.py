"""A network of a few hundred weights and two tasks, so that a training step takes a millisecond."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mstasks import PooledMean, Target, TargetInfo, TargetKind, Task, TaskMetric, per_example_mean
from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.recipe.model import Optim
from mstasks.train.plain import PlainUpdate
from mstasks.train.state import TrainState
from mstasks.train.weighting import FixedWeighting, LossWeighting


class Reading(Task):
    """Regress a scalar map by squared error."""

    kind = TargetKind.SCALAR_MAP
    channels = 1

    def loss(self, prediction: Tensor, target: Target) -> Tensor:
        return per_example_mean((prediction - target.value) ** 2, target.valid)

    def metrics(self) -> Mapping[str, TaskMetric]:
        return {"mae": PooledMean(lambda p, t: (p - t.value).abs(), higher_is_better=False, best_value=0.0)}


class TinyNetwork(nn.Module):
    """No batch statistics, so that a batch in parts equals the whole batch."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Conv2d(3, 4, 3, padding=1)
        self.heads = nn.ModuleDict({"one": nn.Conv2d(4, 1, 1), "two": nn.Conv2d(4, 1, 1)})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = torch.relu(self.backbone(images))
        return {name: head(features) for name, head in self.heads.items()}


@pytest.fixture
def tasks() -> dict[str, BoundTask]:
    info = TargetInfo(TargetKind.SCALAR_MAP)
    return {name: BoundTask(name, Reading(info), name, weight) for name, weight in (("one", 1.0), ("two", 3.0))}


def make_batch(size: int = 6, seed: int = 0) -> Batch:
    """Random images and labels; the second target is missing for every other image, pixels are missing at random."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (size, 3, 8, 8), dtype=torch.uint8, generator=generator)
    targets = {}
    for name in ("one", "two"):
        value = torch.rand((size, 1, 8, 8), generator=generator)
        valid = torch.rand((size, 1, 8, 8), generator=generator) < 0.7
        if name == "two":
            valid[::2] = False
        targets[name] = Target(value * valid, valid)
    return Batch(tuple(map(str, range(size))), images, targets)


@pytest.fixture
def batch() -> Batch:
    return make_batch()


@pytest.fixture
def batch_maker() -> Callable[..., Batch]:
    return make_batch


@pytest.fixture
def make_state() -> Callable[..., TrainState]:
    def make(optim: Optim, weighting: LossWeighting | None = None, seed: int = 0) -> TrainState:
        torch.manual_seed(seed)
        network: Any = TinyNetwork()
        weighting = weighting or FixedWeighting({"one": 1.0, "two": 3.0})
        update = PlainUpdate(network, ["one", "two"], optim.steps, seed)
        return TrainState.create(network, weighting, optim, torch.device("cpu"), update)

    return make
