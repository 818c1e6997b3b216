"""A constant lambda."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.optim import SGD

from mstasks.network import Network
from mstasks.sparsity.costs import measure_costs
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.part import SparsePart
from mstasks.sparsity.space import group_weight
from mstasks.sparsity.strength.fixed import Fixed
from mstasks.sparsity.strength.options import FixedOptions

RATE = 0.5


@pytest.fixture
def part(toy: Callable[..., Network]) -> SparsePart:
    network = toy(nn.Conv2d(8, 16, 1), nn.BatchNorm2d(16), nn.ReLU(), channels=16)
    spaces = find_spaces(network, (32, 32), "backbone")
    part = SparsePart(network, spaces, measure_costs(network, spaces, (32, 32)), None, "euclidean", (32, 32))
    part.attach(SGD(network.parameters(), lr=RATE))
    return part


def fixed(part: SparsePart, value: float) -> Fixed:
    return Fixed(part, ["one"], 10, FixedOptions(value=value))


def test_every_group_above_its_floor_shrinks_by_rate_times_lambda_times_weight(part: SparsePart) -> None:
    value = 0.3
    before, thresholds = part.norms(), {}
    for name, space in part.spaces.items():
        thresholds[name] = RATE * value * group_weight(space, part.parameters)
    fixed(part, value).act(0)
    after, compared = part.norms(), 0
    for name, norms in before.items():
        living = norms > thresholds[name] + 1e-3
        torch.testing.assert_close(after[name][living], norms[living] - thresholds[name], rtol=1e-4, atol=1e-5)
        compared += int(living.sum())
    assert compared > 10


def test_zero_changes_nothing(part: SparsePart) -> None:
    before = [value.detach().clone() for value in part.parameters.values()]
    fixed(part, 0.0).act(0)
    assert all(torch.equal(a, b) for a, b in zip(part.parameters.values(), before, strict=True))


def test_enough_of_it_leaves_the_floors_alone_and_removes_nothing_for_good(part: SparsePart) -> None:
    fixed(part, 1e3).act(0)
    for name, norms in part.norms().items():
        assert int((norms > 0).sum()) == part.spaces[name].floor
        assert part.alive[name].all()


def test_it_shows_its_constant_and_offers_it_to_inner_loops(part: SparsePart) -> None:
    strength = fixed(part, 0.25)
    assert strength.strengths() == dict.fromkeys(part.groups.names, 0.25)
    readings = strength.readings()
    assert (readings.name, dict(readings.values), readings.warnings) == ("lambda", {"all": 0.25}, ())
    assert not strength.settled, "it may change up to the end"
    assert not list(strength.parameters())
