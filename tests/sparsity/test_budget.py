"""The target: what torch's counter says about the compact network, as a fraction."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from mstasks.errors import UsageError
from mstasks.macs import network_cost
from mstasks.network import Network
from mstasks.sparsity.budget import Budget, Kind
from mstasks.sparsity.compact import rebuild
from mstasks.sparsity.costs import measure_costs
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.spaces import Scope, Spaces

SIZE = (64, 96)
KINDS: tuple[Kind, ...] = ("macs", "parameters", "channels")


def counted(network: Network, spaces: Spaces) -> dict[str, int]:
    """What a network costs in the scope, channels aside."""
    parts = ("backbone",) if spaces.scope == "backbone" else ("backbone", "trunk")
    costs = network_cost(network, SIZE)
    return {name: sum(getattr(costs[part], name) for part in parts) for name in ("macs", "parameters")}


@pytest.mark.parametrize("scope", ["shared", "backbone"])
def test_the_fraction_is_that_of_the_compact_network(
    network_of: Callable[[str], Network], spaces_of: Callable[..., Spaces], scope: Scope
) -> None:
    network = network_of("mobilenetv3_small_050")
    spaces = spaces_of(network, scope)
    costs = measure_costs(network, spaces, SIZE)
    share = torch.rand(len(spaces.spaces), generator=torch.Generator().manual_seed(0))
    counts = (share * spaces.sizes).long().clamp(min=1)
    small = rebuild(network, spaces, dict(zip(spaces.names, counts.tolist(), strict=True)))
    whole, left = counted(network, spaces), counted(small, spaces)
    whole["channels"], left["channels"] = int(spaces.sizes.sum()), int(counts.sum())
    for kind in KINDS:
        budget = Budget(costs, kind, 1.0)
        assert float(budget.fraction(counts)) == left[kind] / whole[kind] < 0.9
        assert float(budget.fraction(costs.full)) == 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_marginal_is_what_one_channel_less_saves(
    kind: Kind, network_of: Callable[[str], Network], spaces_of: Callable[..., Spaces]
) -> None:
    network = network_of("resnet18")
    budget = Budget(measure_costs(network, spaces_of(network), SIZE), kind, 1.0)
    counts = budget.costs.full // 2
    less = counts - torch.eye(len(counts), dtype=torch.int64)
    saved = budget.fraction(counts) - budget.fraction(less)
    torch.testing.assert_close(budget.marginal(counts), saved, rtol=1e-9, atol=1e-14)
    assert budget.marginal(counts).min() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_target_below_the_floors_is_refused_with_what_is_possible(
    kind: Kind, network_of: Callable[[str], Network]
) -> None:
    network = network_of("resnet18")
    spaces = find_spaces(network, SIZE, "backbone", floor=lambda channels: channels // 2)
    costs = measure_costs(network, spaces, SIZE)
    least = float(Budget(costs, kind, 1.0).fraction(spaces.floors))
    with pytest.raises(UsageError) as error:
        Budget(costs, kind, 0.1)
    assert str(error.value) == (
        f"sparsity.target: {kind} 0.1 cannot be reached: with every space at its floor the backbone part still has "
        f"{least:.3f}. Allowed: above {least:.3f}; lower `sparsity.floor`, or widen `sparsity.scope`."
    )
    assert 0.1 < least < 0.6
    Budget(costs, kind, least)
