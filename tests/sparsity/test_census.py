"""What is zero: exact counts on hand-made networks, and agreement with the surgery."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mstasks.macs import network_cost
from mstasks.network import Network
from mstasks.sparsity.census import Census, SpaceCensus, take_census
from mstasks.sparsity.compact import compact
from mstasks.sparsity.costs import measure_costs
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.space import scale_groups
from mstasks.sparsity.spaces import Kind

SIZE = (32, 32)


def census_of(network: Network, kind: Kind = "channel") -> Census:
    return take_census(network, find_spaces(network, SIZE, kind=kind), find_spaces(network, SIZE))


@pytest.fixture
def small(toy: Callable[..., Network]) -> Network:
    """Stem 3 -> 8, 1x1 8 -> 6, ReLU, trunk of width 4; two channels of the 1x1 are zero."""
    network = toy(nn.Conv2d(8, 6, 1), nn.ReLU(), channels=6)
    layer = network.get_submodule("backbone.layers.0")
    with torch.no_grad():
        layer.weight[[1, 4]] = 0
        layer.bias[[1, 4]] = 0
    return network


def test_zero_groups_and_what_leaves_with_them_are_counted_by_hand(small: Network) -> None:
    census = census_of(small)
    assert census.groups == {
        "backbone.stem": SpaceCensus(8, 0),
        "backbone.layers.0": SpaceCensus(6, 2),
        "trunk.laterals.0.0": SpaceCensus(4, 0),
        "trunk.smooth.0.1": SpaceCensus(4, 0),
    }
    assert census.zero_groups == 2 / 22
    assert census.channels["backbone.layers.0"] == 4
    assert census.weights == 8 * 48 + 8 * 6 + 6 * 4 + 4 * 9 + 4 * 4
    assert census.zero_weights == 2 * 8


def test_almost_zero_is_not_zero(small: Network) -> None:
    with torch.no_grad():
        small.get_parameter("backbone.layers.0.bias")[1] = 1e-30
    census = census_of(small)
    assert census.groups["backbone.layers.0"].zero == 1
    assert census.channels["backbone.layers.0"] == 5


def test_zero_rows_under_a_shift_are_zero_groups_but_stay(toy: Callable[..., Network]) -> None:
    network = toy(nn.Conv2d(8, 6, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), channels=6)
    with torch.no_grad():
        network.get_parameter("backbone.layers.0.weight")[2] = 0
    census = census_of(network, "output-channel")
    assert census.groups["backbone.layers.0"].zero == 1
    assert census.channels["backbone.layers.0"] == 6


def test_zero_columns_free_a_channel_only_if_every_reader_has_them(
    toy: Callable[..., Network], layers: SimpleNamespace
) -> None:
    network = toy(layers.Grow(nn.Conv2d(8, 6, 1)), channels=14)
    with torch.no_grad():
        network.get_parameter("backbone.layers.0.branch.weight")[:, 3] = 0
    census = census_of(network, "input-channel")
    assert census.groups["backbone.layers.0.branch"].zero == 1
    assert census.channels["backbone.stem"] == 8
    with torch.no_grad():
        network.get_parameter("trunk.laterals.0.0.weight")[:, 3] = 0
    assert census_of(network, "input-channel").channels["backbone.stem"] == 7


def test_fractions_of_nothing_removed(toy: Callable[..., Network]) -> None:
    census = census_of(toy(nn.Conv2d(8, 6, 1), channels=6))
    assert (census.zero_groups, census.zero_weights_fraction) == (0, 0)
    assert list(census.channels.values()) == [row.size for row in census.groups.values()]


def test_the_census_agrees_with_the_surgery(network_of: Callable[[str], Network]) -> None:
    network = copy.deepcopy(network_of("mobilenetv3_small_050"))
    spaces = find_spaces(network, SIZE)
    generator = torch.Generator().manual_seed(0)
    for space in spaces.spaces:
        scale_groups(
            space, dict(network.named_parameters()), (torch.rand(space.size, generator=generator) < 0.5).float()
        )
    census, costs = take_census(network, spaces, spaces), measure_costs(network, spaces, SIZE)
    small = network_cost(compact(network, spaces), SIZE)
    counts = torch.tensor(list(census.channels.values()))
    assert int(costs.parameters(counts)) == small["backbone"].parameters + small["trunk"].parameters
    assert int(costs.macs(counts)) == small["backbone"].macs + small["trunk"].macs
    assert 0.3 < census.zero_groups < 0.7
