"""The cut to a target: who leaves, in which order, how closely the target is met, and what is said if it is not."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD

from mstasks.network import Network
from mstasks.sparsity.alive import zero_groups
from mstasks.sparsity.budget import Budget, Kind
from mstasks.sparsity.costs import measure_costs
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.part import SparsePart
from mstasks.sparsity.strength.cut import TOLERANCE, cut_to_target, missed_cut

SIZE = (32, 32)
Maker = Callable[..., SparsePart]
Group = tuple[str, int]


@pytest.fixture
def make_part(toy: Callable[..., Network]) -> Maker:
    """Builds a part with groups in the backbone: a stem of 8 channels and two convolutions; a quarter always stays."""

    def make(target: float, unit: Kind = "macs", widths: tuple[int, int] = (64, 96)) -> SparsePart:
        first, second = widths
        layers: list[nn.Module] = [nn.Conv2d(8, first, 1), nn.BatchNorm2d(first), nn.ReLU()]
        layers += [nn.Conv2d(first, second, 3, stride=2, padding=1), nn.BatchNorm2d(second), nn.ReLU()]
        network = toy(*layers, channels=second)
        spaces = find_spaces(network, SIZE, "backbone", floor=lambda size: math.ceil(size / 4))
        costs = measure_costs(network, spaces, SIZE)
        part = SparsePart(network, spaces, costs, Budget(costs, unit, target), "euclidean", SIZE)
        part.attach(SGD(network.parameters(), lr=1.0))
        return part

    return make


def cut(part: SparsePart, strengths: dict[str, float] | None = None) -> None:
    assert part.budget is not None
    found = strengths or dict.fromkeys(part.spaces, 1e-3)
    cut_to_target(part, part.budget, {name: torch.tensor(value) for name, value in found.items()})


def cost(part: SparsePart) -> float:
    assert part.budget is not None
    return float(part.budget.fraction(part.counts()))


def warnings(part: SparsePart) -> list[str]:
    assert part.budget is not None
    return missed_cut(part, part.budget)


def removed(part: SparsePart) -> set[Group]:
    return {(name, index) for name, alive in part.alive.items() for index in (~alive).nonzero().flatten().tolist()}


def zeroed(part: SparsePart, shares: dict[str, float]) -> set[Group]:
    """Make the first groups of spaces zero, as a proximal step would."""
    for name, share in shares.items():
        size = part.spaces[name].size
        part.shrink(name, (torch.arange(size) >= round(share * size)).float())
    return {(name, index) for name, share in shares.items() for index in range(round(share * part.spaces[name].size))}


def in_the_order_of_death(part: SparsePart, strengths: dict[str, float]) -> list[Group]:
    """Every group, sorted by the step size at which v = u max(0, 1 - step lambda sqrt(entries) / |u|) becomes zero."""
    sizes: dict[Group, float] = {}
    for name, space in part.spaces.items():
        for index in range(space.size):
            parts = [
                part.parameters[member.parameter].detach().double().select(member.dim, member.start + index)
                for member in space.members
            ]
            entries = torch.cat([entries.flatten() for entries in parts])
            sizes[name, index] = math.hypot(*entries.tolist()) / (strengths[name] * math.sqrt(len(entries)))
    return sorted(sizes, key=lambda group: sizes[group])


@pytest.mark.parametrize("target", [0.75, 0.5, 0.3])
def test_the_first_to_die_leave_first_and_floors_hold(make_part: Maker, target: float) -> None:
    part = make_part(target, "channels")
    strengths = {name: 1e-3 * 2.0**index for index, name in enumerate(part.spaces)}
    expected: set[Group] = set()
    stay = {name: space.size for name, space in part.spaces.items()}
    for name, index in in_the_order_of_death(part, strengths):
        if sum(stay.values()) > target * 168 and stay[name] > part.spaces[name].floor:
            stay[name] -= 1
            expected.add((name, index))
    cut(part, strengths)
    assert removed(part) == expected
    assert len(expected) == math.ceil((1 - target) * 168)
    kept = [stay[name] == space.floor for name, space in part.spaces.items()]
    assert any(kept) == (target < 0.6), "where little may be left, floors are met"


def test_a_larger_lambda_makes_its_space_leave(make_part: Maker) -> None:
    lost = []
    for index in (1, 2):
        part = make_part(0.5, "channels")
        name = part.groups.names[index]
        cut(part, {other: 1.0 if other == name else 1e-3 for other in part.spaces})
        lost.append({other: int((~alive).sum()) for other, alive in part.alive.items()})
        assert int(part.alive[name].sum()) == part.spaces[name].floor
    assert lost[0] != lost[1]


@pytest.mark.parametrize("unit", ["macs", "parameters", "channels"])
@pytest.mark.parametrize("target", [0.6, 0.3])
def test_the_target_is_met_closely(make_part: Maker, unit: Kind, target: float) -> None:
    part = make_part(target, unit, widths=(320, 320) if unit == "channels" else (160, 192))
    cut(part)
    assert target - TOLERANCE <= cost(part) <= target
    assert warnings(part) == []
    for name, space in part.spaces.items():
        assert torch.equal(zero_groups(space, part.parameters), ~part.alive[name])
        assert int(part.alive[name].sum()) >= space.floor


def test_who_stays_keeps_its_weights(make_part: Maker) -> None:
    part = make_part(0.5)
    before = {name: value.detach().clone() for name, value in part.parameters.items()}
    cut(part)
    changed = 0
    for name, space in part.spaces.items():
        alive = part.alive[name].nonzero().flatten()
        for member in space.members:
            found, old = part.parameters[member.parameter], before[member.parameter]
            assert torch.equal(found.index_select(member.dim, alive), old.index_select(member.dim, alive))
            changed += int((found != old).any())
    assert changed > 3


def test_groups_that_are_zero_leave_before_all_others(make_part: Maker) -> None:
    part = make_part(0.5, "channels")
    _, first, second = part.groups.names
    zeros = zeroed(part, {first: 0.25, second: 0.25})
    cut(part)
    assert zeros < removed(part)
    assert cost(part) == 0.5


@pytest.mark.parametrize("target", [0.5, 0.304])
def test_below_the_target_exactly_the_zero_groups_leave(make_part: Maker, target: float) -> None:
    part = make_part(target, "parameters", widths=(160, 192))
    _, first, second = part.groups.names
    zeros = zeroed(part, {first: 0.5, second: 0.4})
    left = cost(part)
    assert left == pytest.approx(0.302, abs=1e-3)
    cut(part)
    assert removed(part) == zeros
    assert cost(part) == left
    if target == 0.304:
        assert warnings(part) == [], "within the tolerance"
    else:
        (warning,) = warnings(part)
        assert "The target was undershot: parameters 0.5 was asked, 0.3023 is left for good" in warning
        assert "Start with a smaller `initial` of `sparsity.strength`" in warning


def test_groups_too_large_to_come_close_are_told(make_part: Maker) -> None:
    part = make_part(0.5, "channels", widths=(8, 11))  # 13.5 of 27 channels; one is 0.037
    cut(part)
    assert cost(part) == 14 / 27
    (warning,) = warnings(part)
    assert "channels 0.5 was asked, 0.5185 is left for good, 0.0185 above it" in warning


def test_lambda_may_be_a_number_or_a_tensor(make_part: Maker) -> None:
    numbers, tensors = make_part(0.5), make_part(0.5)
    cut(tensors)
    assert numbers.budget is not None
    values: dict[str, Tensor | float] = dict.fromkeys(numbers.spaces, 1e-3)
    cut_to_target(numbers, numbers.budget, values)
    assert removed(numbers) == removed(tensors)
    assert removed(numbers)
