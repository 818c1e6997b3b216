"""A network of a hundred channels and two tasks, trained as the loop trains, so that a run takes a second."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mstasks.heads import DenseHead
from mstasks.network import Network
from mstasks.sparsity.budget import Budget, Kind
from mstasks.sparsity.costs import measure_costs
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.part import SparsePart
from mstasks.sparsity.strength.base import Strength
from mstasks.train.losses import LossSum

SIZE = (16, 16)
TASKS = ("red", "blue")


@dataclass
class TinyRun:
    """What a training step does to a network and its strength, without data sets and recipes."""

    network: Network
    part: SparsePart
    strength: Strength
    lr: float = 0.01
    labelled: Collection[str] = TASKS
    step: int = 0
    parameters: dict[str, nn.Parameter] = field(init=False)

    def __post_init__(self) -> None:
        self.parameters = dict(self.network.named_parameters())
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=self.lr, weight_decay=0.05, fused=True)
        ema = get_ema_multi_avg_fn(0.9)
        self.average = AveragedModel(self.network, multi_avg_fn=ema, use_buffers=True)
        self.part.attach(self.optimizer)

    def losses(self) -> dict[str, LossSum]:
        images = torch.rand(4, 3, *SIZE, generator=torch.Generator().manual_seed(self.step))
        found = {}
        with self.strength.watch():
            predictions = self.network(images)
        for task, prediction in predictions.items():
            value = adaptive_avg_pool2d(images[:, [TASKS.index(task)]], prediction.shape[-2:])
            total = (prediction - value).square().flatten(1).mean(1).sum()
            count = len(images) if task in self.labelled else 0
            found[task] = LossSum(total if count else 0.0 * total, torch.tensor(count))
        return found

    def advance(self, steps: int = 1, skipped: Collection[int] = ()) -> TinyRun:
        """Do some steps; in those of `skipped` the update does not take place, as if it were not finite."""
        for _ in range(steps):
            self.optimizer.zero_grad()
            self.strength.begin(self.step)
            losses = self.losses()
            self.strength.observe(losses)
            sum(loss.total for loss in losses.values()).backward()
            if self.step not in skipped:
                self._update()
            self.step += 1
        return self

    def _update(self) -> None:
        self.part.mask_gradients()
        self.optimizer.step()
        self.strength.act(self.step)
        self.average.update_parameters(self.network)
        self.part.hold(self.average.module)

    @property
    def fraction(self) -> float:
        """Cost that is left by the weights' own zeros."""
        return float(self.part.budget.fraction(self.part.counts()))

    def dead_entries(self) -> Tensor:
        """All entries of removed groups, of the averaged weights too."""
        average = dict(self.average.module.named_parameters())
        found = []
        for space in self.part.groups.spaces:
            dead = ~self.part.alive[space.name]
            for tensors in (self.parameters, average):
                for member in space.members:
                    found.append(tensors[member.parameter][dead].flatten())
        return torch.cat(found)

    def state(self) -> dict[str, Any]:
        modules = {"network": self.network, "average": self.average, "strength": self.strength}
        return {name: {k: v.clone() for k, v in m.state_dict().items()} for name, m in modules.items()}

    def hooks(self) -> int:
        return sum(len(module._forward_pre_hooks) + len(module._forward_hooks) for module in self.network.modules())


@pytest.fixture
def make_run(toy: Callable[..., Network], layers: SimpleNamespace) -> Callable[..., TinyRun]:
    """Builds a run: `make_run(Priced, options, steps, target)`; the same arguments give the same weights."""

    def make(
        strength: Callable[..., Strength],
        options: object,
        steps: int,
        target: float | None,
        kind: Kind = "macs",
        floor: Callable[[int], int] = lambda size: 1,
        tasks: Sequence[str] = TASKS,
        **attributes: Any,
    ) -> TinyRun:
        def block(inputs: int, outputs: int) -> list[nn.Module]:
            return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]

        branch = nn.Sequential(*block(32, 24), nn.Conv2d(24, 32, 3, padding=1), nn.BatchNorm2d(32))
        heads = {task: lambda info: DenseHead(info, 1) for task in TASKS}
        network = toy(*block(8, 32), layers.Residual(branch), *block(32, 36), channels=36, heads=heads).train()
        spaces = find_spaces(network, SIZE, "backbone", floor=floor)
        costs = measure_costs(network, spaces, SIZE)
        budget = None if target is None else Budget(costs, kind, target)
        part = SparsePart(network, spaces, costs, budget, "euclidean", SIZE)
        return TinyRun(network, part, strength(part, tasks, steps, options), **attributes)

    return make
