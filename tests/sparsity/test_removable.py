"""Which zero groups can be removed: what the surgery really takes away, for groups of every kind."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mstasks.network import Network
from mstasks.sparsity.compact import compact
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.removable import removable_groups
from mstasks.sparsity.space import scale_groups
from mstasks.sparsity.spaces import Kind, Spaces

SIZE = (32, 32)


def removable(network: Network, kind: Kind) -> dict[str, list[bool]]:
    groups, channels = find_spaces(network, SIZE, kind=kind), find_spaces(network, SIZE)
    return {name: found.tolist() for name, found in removable_groups(network, groups, channels).items()}


def zero_channels(network: Network, spaces: Spaces, share: float) -> None:
    generator = torch.Generator().manual_seed(0)
    tensors = dict(network.named_parameters())
    for space in spaces.spaces:
        scale_groups(space, tensors, (torch.rand(space.size, generator=generator) > share).float())


@pytest.mark.parametrize("kind", ["input-channel", "output-channel"])
def test_as_many_entries_leave_as_the_surgery_takes_away(network_of: Callable[[str], Network], kind: Kind) -> None:
    """Layer by layer: rows or columns of a convolution that leave are those that the compact one lacks."""
    network = copy.deepcopy(network_of("mobilenetv3_small_050"))
    channels, groups = find_spaces(network, SIZE), find_spaces(network, SIZE, kind=kind)
    zero_channels(network, channels, 0.4)
    small = compact(network, channels)
    found = removable_groups(network, groups, channels)
    dim, seen = 1 if kind == "input-channel" else 0, 0
    for space in groups.spaces:
        weight = f"{space.name}.weight"
        gone = network.get_parameter(weight).shape[dim] - small.get_parameter(weight).shape[dim]
        assert int(found[space.name].sum()) == gone, space.name
        seen += gone
    assert seen > 100


def test_as_many_channels_leave_as_the_surgery_takes_away(network_of: Callable[[str], Network]) -> None:
    network = copy.deepcopy(network_of("mobilenetv3_small_050"))
    spaces = find_spaces(network, SIZE)
    zero_channels(network, spaces, 0.4)
    small, seen = dict(compact(network, spaces).named_parameters()), 0
    for name, leaving in removable_groups(network, spaces, spaces).items():
        space = next(space for space in spaces.spaces if space.name == name)
        first = space.members[0]
        gone = network.get_parameter(first.parameter).shape[first.dim] - small[first.parameter].shape[first.dim]
        assert int(leaving.sum()) == gone, name
        seen += gone
    assert seen > 100


def test_zero_rows_before_a_norm_with_a_shift_stay(toy: Callable[..., Network]) -> None:
    network = toy(nn.Conv2d(8, 6, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), channels=6)
    with torch.no_grad():
        network.get_parameter("backbone.layers.0.weight")[[1, 2]] = 0
        network.get_parameter("backbone.layers.1.weight")[2] = 0
        network.get_parameter("backbone.layers.1.bias")[2] = 0
    assert removable(network, "output-channel")["backbone.layers.0"] == [False, False, True, False, False, False]


def test_zero_columns_leave_if_every_reader_has_them(toy: Callable[..., Network], layers: SimpleNamespace) -> None:
    network = toy(layers.Grow(nn.Conv2d(8, 6, 1)), channels=14)
    with torch.no_grad():
        network.get_parameter("backbone.layers.0.branch.weight")[:, [3, 5]] = 0
        network.get_parameter("trunk.laterals.0.0.weight")[:, 3] = 0
    found = removable(network, "input-channel")["backbone.layers.0.branch"]
    assert found == [channel == 3 for channel in range(8)]


def test_a_space_that_is_all_dead_keeps_its_first_channel(toy: Callable[..., Network]) -> None:
    network = toy(nn.Conv2d(8, 6, 1), nn.ReLU(), channels=6)
    with torch.no_grad():
        network.get_parameter("backbone.layers.0.weight").zero_()
        network.get_parameter("backbone.layers.0.bias").zero_()
    assert removable(network, "channel")["backbone.layers.0"] == [False, *[True] * 5]
