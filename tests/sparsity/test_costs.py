"""MACs and parameters by channel counts: those of torch's counter on the compact network, exactly and at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from mstasks.macs import network_cost
from mstasks.network import Network
from mstasks.sparsity.compact import rebuild
from mstasks.sparsity.costs import Costs, measure_costs
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.spaces import Scope, Spaces

SIZE = (64, 96)


def random_counts(spaces: Spaces, rows: int, seed: int = 0) -> Tensor:
    """Counts between 1 and the size of each space."""
    share = torch.rand(rows, len(spaces.spaces), generator=torch.Generator().manual_seed(seed))
    return (share * spaces.sizes).long().clamp(min=1)


def counted(network: Network, spaces: Spaces, counts: Tensor) -> tuple[int, int]:
    """MACs and parameters of the scope on a network that really has these counts."""
    small = rebuild(network, spaces, dict(zip(spaces.names, counts.tolist(), strict=True)))
    parts = ("backbone",) if spaces.scope == "backbone" else ("backbone", "trunk")
    costs = network_cost(small, SIZE)
    return sum(costs[part].macs for part in parts), sum(costs[part].parameters for part in parts)


@pytest.mark.parametrize("scope", ["shared", "backbone"])
def test_costs_are_those_of_the_compact_network(
    network: Network, scope: Scope, spaces_of: Callable[..., Spaces]
) -> None:
    spaces = spaces_of(network, scope)
    costs = measure_costs(network, spaces, SIZE)
    for counts in (costs.full, *random_counts(spaces, 1)):
        assert (int(costs.macs(counts)), int(costs.parameters(counts))) == counted(network, spaces, counts)


def test_marginals_are_differences_of_one_channel(network: Network, spaces_of: Callable[..., Spaces]) -> None:
    spaces = spaces_of(network)
    costs = measure_costs(network, spaces, SIZE)
    for counts in (costs.full, *random_counts(spaces, 3)):
        less = counts - torch.eye(len(counts), dtype=torch.int64)
        assert costs.marginal_macs(counts).tolist() == (costs.macs(counts) - costs.macs(less)).tolist()
        assert (
            costs.marginal_parameters(counts).tolist() == (costs.parameters(counts) - costs.parameters(less)).tolist()
        )
        assert costs.marginal_macs(counts).min() > 0


def test_many_counts_at_once_cost_the_same(
    network_of: Callable[[str], Network], spaces_of: Callable[..., Spaces]
) -> None:
    network = network_of("resnet18")
    spaces = spaces_of(network)
    costs = measure_costs(network, spaces, SIZE)
    counts = random_counts(spaces, 6)
    assert costs.macs(counts.view(2, 3, -1)).flatten().tolist() == [int(costs.macs(row)) for row in counts]


def test_a_space_on_both_sides_of_a_layer_is_counted_by_hand(
    toy: Callable[..., Network], layers: SimpleNamespace
) -> None:
    """A residual 3x3 convolution reads and makes the stem's channels: n x n x 9 per position, and n for its bias."""
    network = toy(layers.Residual(nn.Conv2d(8, 8, 3, padding=1), channels=8), channels=8)
    spaces = find_spaces(network, (32, 32), "backbone")
    costs: Costs = measure_costs(network, spaces, (32, 32))
    assert spaces.names == ("backbone.stem",)
    for n in range(1, 9):
        counts = torch.tensor([n])
        assert int(costs.macs(counts)) == 8 * 8 * (16 * 3 * n + 9 * n * n)
        assert int(costs.parameters(counts)) == 16 * 3 * n + n + 9 * n * n + n + n
        assert costs.marginal_macs(counts).tolist() == [8 * 8 * (48 + 9 * (2 * n - 1))]


def test_linear_layers_count_at_every_position(toy: Callable[..., Network], layers: SimpleNamespace) -> None:
    network = toy(layers.LinearMap(8, 6), channels=8)
    costs = measure_costs(network, find_spaces(network, (32, 32), "backbone"), (32, 32))
    full = 64 * 48 * 8 + 64 * (8 * 6 + 6 * 8)
    assert int(costs.macs(costs.full)) == full
    assert costs.marginal_macs(costs.full).tolist() == [64 * (48 + 6), 64 * 16, 64 * 6]


def test_costs_take_under_a_millisecond(network_of: Callable[[str], Network], spaces_of: Callable[..., Spaces]) -> None:
    network = network_of("resnet50")
    costs = measure_costs(network, spaces_of(network), SIZE)
    for function in (costs.macs, costs.marginal_macs):
        times = []
        for _ in range(50):
            start = time.perf_counter()
            function(costs.full)
            times.append(time.perf_counter() - start)
        assert min(times) < 1e-3


def test_uncoupled_groups_have_no_costs(toy: Callable[..., Network]) -> None:
    network = toy(nn.Conv2d(8, 8, 1), channels=8)
    with pytest.raises(ValueError, match=r"Only spaces of kind 'channel' .* Found 'output-channel'"):
        measure_costs(network, find_spaces(network, SIZE, kind="output-channel"), SIZE)
