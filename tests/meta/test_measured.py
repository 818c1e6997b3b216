"""Every update shows the strength a pass that all spaces, those that heads read included, can be measured on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from episode_lab import Reading

from mstasks import Target, TargetInfo, TargetKind
from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.heads import DenseHead
from mstasks.meta.anil import Anil
from mstasks.meta.look_ahead import LookAhead
from mstasks.meta.maml import Maml
from mstasks.meta.options import AnilOptions, LookAheadOptions, MamlOptions, SimulatedUnseenOptions
from mstasks.meta.simulated_unseen import SimulatedUnseen
from mstasks.network import Network, build_network
from mstasks.recipe.model import Backbone, Decoder, Optim
from mstasks.sparsity.budget import Budget
from mstasks.sparsity.costs import measure_costs
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.part import SparsePart
from mstasks.sparsity.strength.options import PricedOptions
from mstasks.sparsity.strength.priced import Priced
from mstasks.train.plain import PlainUpdate
from mstasks.train.state import TrainState
from mstasks.train.step import train_step
from mstasks.train.weighting import FixedWeighting

SIZE, STEPS = (32, 32), 100

UPDATES: dict[str, Callable[..., Any]] = {
    "plain": lambda *given: PlainUpdate(*given),
    "look-ahead": lambda *given: LookAhead(*given, LookAheadOptions()),
    "maml": lambda *given: Maml(*given, MamlOptions(combinations="all-tasks")),
    "anil": lambda *given: Anil(*given, AnilOptions()),
    "simulated-unseen": lambda *given: SimulatedUnseen(*given, SimulatedUnseenOptions(share=0.999999, shots=2)),
}


def make_network() -> Network:
    torch.manual_seed(0)
    heads = {"one": lambda info: DenseHead(info, 1)}
    return build_network(Backbone(model="test_resnet"), Decoder(width=8), SIZE, heads)


def make_batch(seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (6, 3, *SIZE), dtype=torch.uint8, generator=generator)
    value = torch.rand(6, 1, *SIZE, generator=generator)
    ids = tuple(str(index) for index in range(6))
    return Batch(ids, images, {"one": Target(value, torch.ones_like(value, dtype=torch.bool))})


@pytest.mark.parametrize("name", UPDATES)
def test_every_space_is_measured(name: str) -> None:
    network, tasks = make_network(), {"one": BoundTask("one", Reading(TargetInfo(TargetKind.SCALAR_MAP)), "one")}
    spaces = find_spaces(network, SIZE)
    costs = measure_costs(network, spaces, SIZE)
    part = SparsePart(network, spaces, costs, Budget(costs, "macs", 0.5), "euclidean", SIZE)
    strength = Priced(part, ["one"], STEPS, PricedOptions(measure_from=0.0, measure_every=1, window=(0.5, 0.9)))
    update = UPDATES[name](network, ["one"], STEPS, 0)
    optim = Optim(steps=STEPS, warmup=0.0)
    state = TrainState.create(network, FixedWeighting({"one": 1.0}), optim, torch.device("cpu"), update, strength)
    for seed in range(6):  # the last norm of a residual branch starts at zero and is measured once it has moved
        train_step(state, make_batch(seed), tasks, optim)
    shares = strength.serves()
    assert shares is not None
    silent = [space for space, values in shares.items() if not bool((values > 0).any())]
    assert not silent
