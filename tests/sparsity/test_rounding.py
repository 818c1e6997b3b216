"""Rounded channel counts: multiples where the space allows it, at the lowest price, without touching a prediction."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from mstasks.network import Network
from mstasks.sparsity.alive import alive_channels
from mstasks.sparsity.compact import compact, structure
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.rounding import round_up
from mstasks.sparsity.space import Member, Space, scale_groups
from mstasks.sparsity.spaces import Spaces

Same = Callable[..., None]


def one_space(size: int) -> Spaces:
    return Spaces("channel", "shared", (Space("a", size, (Member("a.weight"),), floor=1),), ())


@pytest.mark.parametrize(
    ("size", "alive", "multiple", "kept"),
    [
        (32, [3, 9, 30], 8, [0, 1, 2, 3, 4, 5, 9, 30]),
        (32, [3, 9, 30], 1, [3, 9, 30]),
        (32, list(range(8)), 8, list(range(8))),
        (20, [*range(17)], 16, list(range(20))),
        (20, [], 8, list(range(8))),
        (6, [5], 8, list(range(6))),
    ],
    ids=["up to 8", "by 1", "is one already", "no multiple fits", "all dead", "smaller than the multiple"],
)
def test_the_dead_channels_of_lowest_index_fill_up(size: int, alive: list[int], multiple: int, kept: list[int]) -> None:
    mask = torch.zeros(size, dtype=torch.bool)
    mask[alive] = True
    before = mask.clone()
    rounded = round_up(one_space(size), {"a": mask}, multiple)["a"]
    assert rounded.nonzero().flatten().tolist() == kept
    assert torch.equal(mask, before)


def test_a_multiple_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`multiple` must be at least 1\. Found 0"):
        round_up(one_space(4), {"a": torch.ones(4, dtype=torch.bool)}, 0)


def test_a_rounded_network_predicts_the_same(
    network: Network, spaces_of: Callable[..., Spaces], assert_same_predictions: Same
) -> None:
    spaces = spaces_of(network)
    zeroed = copy.deepcopy(network)
    tensors, generator = dict(zeroed.named_parameters()), torch.Generator().manual_seed(0)
    for space in spaces.spaces:
        scale_groups(space, tensors, (torch.rand(space.size, generator=generator) < 0.4).float())
    alive = alive_channels(zeroed, spaces)
    rounded = round_up(spaces, alive, 8)
    small = compact(zeroed, spaces, rounded)
    counts = structure(spaces, rounded)
    assert all(counts[s.name] % 8 == 0 or counts[s.name] == s.size for s in spaces.spaces)
    assert sum(counts.values()) < sum(space.size for space in spaces.spaces)
    assert_same_predictions(zeroed, small, [(1, 64, 64), (8, 32, 96)])


def test_layers_have_the_rounded_widths(toy: Callable[..., Network]) -> None:
    network = toy(nn.Conv2d(8, 24, 1), nn.BatchNorm2d(24), nn.ReLU(), nn.Conv2d(24, 4, 1), channels=4)
    spaces = find_spaces(network, (64, 64))
    alive = {space.name: torch.arange(space.size) >= space.size - 3 for space in spaces.spaces}
    small = compact(network, spaces, round_up(spaces, alive, 8))
    assert [layer.weight.shape[0] for layer in small.backbone.modules() if isinstance(layer, nn.Conv2d)] == [8, 8, 4]
