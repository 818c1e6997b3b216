"""Which groups leave: exhaustive search over prefixes of the sorted order, with costs counted by hand."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from mstasks.network import Network
from mstasks.sparsity.budget import Budget
from mstasks.sparsity.costs import Costs, measure_costs
from mstasks.sparsity.price import Sale, per_cost, ranks, removals, uniform
from mstasks.sparsity.space import Member, Space, default_floor
from mstasks.sparsity.spaces import Scope, Spaces


def chain(sizes: Sequence[int], floors: Sequence[int], positions: Sequence[int]) -> Budget:
    """A chain of 3x3 convolutions on images of three channels; layer i makes the channels of space i."""
    spaces = tuple(
        Space(f"s{i}", size, (Member(f"{i}.weight"),), floor)
        for i, (size, floor) in enumerate(zip(sizes, floors, strict=True))
    )
    ties = torch.zeros(2, len(sizes), len(sizes), dtype=torch.float64)
    for layer in range(len(sizes)):
        ties[0, layer, layer] = 1
        if layer:
            ties[1, layer - 1, layer] = 1
    costs = Costs(
        Spaces("channel", "backbone", spaces, ()),
        rest=torch.full((len(sizes),), 9.0, dtype=torch.float64),
        dims=torch.tensor([list(sizes), [3, *sizes[:-1]]], dtype=torch.float64),
        ties=ties,
        positions=torch.tensor(positions, dtype=torch.float64),
    )
    return Budget(costs, "macs", 1.0)


def macs(counts: Sequence[int], positions: Sequence[int]) -> int:
    """What `chain` costs, layer by layer."""
    inputs = [3, *counts[:-1]]
    return sum(9 * p * n * before for p, n, before in zip(positions, counts, inputs, strict=True))


def groups(sizes: Sequence[int]) -> Tensor:
    return torch.arange(len(sizes)).repeat_interleave(torch.tensor(list(sizes)))


def exhaustive(
    values: list[float],
    space_of: list[int],
    sizes: list[int],
    floors: list[int],
    positions: list[int],
    goal: float,
    least: float,
) -> tuple[set[int], float]:
    """Walk the sorted list one group at a time and count everything afresh; returns who leaves and what is left."""
    order = sorted(range(len(values)), key=lambda g: (values[g], g))
    supply = [space_of.count(s) - max(floors[s], 1) for s in range(len(sizes))]
    allowed = []
    for group in order:
        if supply[space_of[group]] > 0:
            supply[space_of[group]] -= 1
            allowed.append(group)
    full = macs(sizes, positions)

    def left(gone: set[int]) -> float:
        alive = [s for g, s in enumerate(space_of) if g not in gone]
        return float(Fraction(macs([alive.count(s) for s in range(len(sizes))], positions), full))

    gone: set[int] = set()
    for group in allowed:
        if left(gone) <= goal:
            break
        if left(gone | {group}) >= least:
            gone.add(group)
    return gone, left(gone)


def left_after(sale: Sale, space_of: Tensor, budget: Budget) -> float:
    """Cost that is left by the groups that stay."""
    counts = torch.bincount(space_of[~sale.dead], minlength=len(budget.costs.full))
    return float(budget.fraction(counts))


@pytest.mark.parametrize("kind", ["distinct", "ties"])
def test_the_sale_is_that_of_an_exhaustive_walk(kind: str) -> None:
    generator = random.Random(kind)
    skipped = unreached = at_floor = 0
    for _ in range(150):
        sizes = [generator.randint(2, 9) for _ in range(generator.randint(1, 5))]
        floors = [generator.randint(0, size) for size in sizes]
        positions = [generator.choice([1, 4, 16, 64]) for _ in sizes]
        budget, space_of = chain(sizes, floors, positions), groups(sizes)
        values = [generator.random() if kind == "distinct" else float(generator.randint(0, 3)) for _ in space_of]
        goal = generator.uniform(0.05, 1)
        least = goal - generator.choice([0.002, 0.02, 0.5])
        sale = removals(torch.tensor(values, dtype=torch.float64), space_of, budget, goal, least)
        gone, left = exhaustive(values, space_of.tolist(), sizes, floors, positions, goal, least)
        assert set(sale.dead.nonzero().flatten().tolist()) == gone
        assert sale.price == max((values[g] for g in gone), default=0.0)
        assert left >= least
        unbounded, _ = exhaustive(values, space_of.tolist(), sizes, floors, positions, goal, -1)
        skipped += gone != unbounded
        unreached += left > goal
        counts = [space_of[~sale.dead].tolist().count(s) for s in range(len(sizes))]
        at_floor += any(n == max(f, 1) < size for n, f, size in zip(counts, floors, sizes, strict=True))
    assert min(skipped, unreached, at_floor) >= 10


def test_groups_that_left_before_count_as_gone() -> None:
    sizes, floors, positions = [6, 5, 4], [1, 2, 1], [4, 4, 1]
    budget = chain(sizes, floors, positions)
    values = torch.rand(15, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    alive = torch.ones(15, dtype=torch.bool).index_fill_(0, torch.tensor([0, 3, 7, 14]), False)
    sale = removals(values[alive], groups(sizes)[alive], budget, 0.3, 0.0)
    gone, left = exhaustive(values[alive].tolist(), groups(sizes)[alive].tolist(), sizes, floors, positions, 0.3, 0.0)
    assert set(sale.dead.nonzero().flatten().tolist()) == gone
    assert left < 0.3


def test_a_removal_that_goes_too_far_is_skipped_for_a_cheaper_one_by_hand() -> None:
    """The cost 27 n0 + 9 n0 n1 + 9 n1 n2 is 288 at first; without a channel of space 1 it is 225, of space 0 243."""
    budget = chain([6, 2, 1], [1, 1, 1], [1, 1, 1])
    space_of = groups([6, 2, 1])
    values = torch.tensor([2.0, 3, 4, 5, 6, 7, 1, 8, 9], dtype=torch.float64)
    goal = 245 / 288
    free = removals(values, space_of, budget, goal, 0.5)
    assert free.dead.nonzero().flatten().tolist() == [6]
    assert (free.price, left_after(free, space_of, budget)) == (1.0, 225 / 288)
    careful = removals(values, space_of, budget, goal, 240 / 288)
    assert careful.dead.nonzero().flatten().tolist() == [0]
    assert (careful.price, left_after(careful, space_of, budget)) == (2.0, 243 / 288)
    stuck = removals(values, space_of, budget, goal, 244 / 288)
    assert not stuck.dead.any()
    assert stuck.price == 0


def test_a_goal_that_floors_forbid_takes_all_that_may_go() -> None:
    budget = chain([8, 8], [4, 2], [1, 1])
    values = torch.rand(16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sale = removals(values, groups([8, 8]), budget, 0.01, 0.0)
    assert torch.bincount(groups([8, 8])[~sale.dead]).tolist() == [4, 2]


def test_one_channel_of_each_space_stays_without_any_floor() -> None:
    sale = removals(torch.ones(6), groups([3, 3]), chain([3, 3], [0, 0], [1, 1]), 0.01, 0.0)
    assert torch.bincount(groups([3, 3])[~sale.dead]).tolist() == [1, 1]


@pytest.mark.parametrize("least", [0.0, 0.999])
def test_nothing_leaves_when_the_goal_is_met_already(least: float) -> None:
    sale = removals(torch.ones(6), groups([3, 3]), chain([4, 3], [1, 1], [1, 1]), 0.999, least)
    assert not sale.dead.any()
    assert sale.price == 0
    assert macs([3, 3], [1, 1]) / macs([4, 3], [1, 1]) < 0.999


def test_a_lower_goal_takes_more_and_costs_a_higher_price() -> None:
    sizes = [20, 30, 10]
    budget, space_of = chain(sizes, [2, 2, 2], [16, 4, 1]), groups(sizes)
    values = torch.rand(60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sales = [removals(values, space_of, budget, goal, 0.0) for goal in torch.linspace(1, 0.05, 25).tolist()]
    for more, fewer in zip(sales[1:], sales, strict=False):
        assert bool((more.dead >= fewer.dead).all())
        assert more.price >= fewer.price
    assert int(sales[-1].dead.sum()) > 30


def test_a_goal_below_what_must_be_left_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`goal` must be at least `least`, 0.5. Found 0.4"):
        removals(torch.ones(4), groups([4]), chain([4], [1], [1]), 0.4, 0.5)


def test_value_per_cost_is_the_saliency_over_what_one_channel_less_saves() -> None:
    sizes, positions = [4, 6, 5], [9, 4, 1]
    budget, alive = chain(sizes, [1, 1, 1], positions), torch.ones(15, dtype=torch.bool)
    alive[[1, 5, 6]] = False  # counts (3, 4, 5)
    saliency = torch.rand(12, generator=torch.Generator().manual_seed(0))
    found = per_cost(saliency, groups(sizes)[alive], budget)
    full = macs(sizes, positions)
    for group, space in enumerate(groups(sizes)[alive].tolist()):
        less = [n - (s == space) for s, n in enumerate([3, 4, 5])]
        saved = (macs([3, 4, 5], positions) - macs(less, positions)) / full
        assert float(found[group]) == pytest.approx(float(saliency[group]) / saved, rel=1e-12)


def test_ranks_count_the_lower_groups_of_the_own_space() -> None:
    generator = torch.Generator().manual_seed(0)
    values, space_of = torch.randint(0, 5, (40,), generator=generator), torch.randint(0, 4, (40,), generator=generator)
    for group, rank in enumerate(ranks(values, space_of).tolist()):
        before = [
            other
            for other in range(40)
            if space_of[other] == space_of[group] and (values[other], other) < (values[group], group)
        ]
        assert rank == len(before)


def test_uniform_takes_the_same_fraction_of_every_space() -> None:
    sizes = [10, 20, 40]
    budget, space_of = chain(sizes, [1, 1, 1], [16, 4, 1]), groups(sizes)
    saliency = torch.rand(70, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sale = removals(uniform(saliency, space_of, budget), space_of, budget, 0.4, 0.0)
    assert left_after(sale, space_of, budget) <= 0.4
    for space, size in enumerate(sizes):
        mine, dead = saliency[space_of == space], sale.dead[space_of == space]
        assert abs(int(dead.sum()) - sale.price * size) <= 0.5 + 1e-9
        assert mine[dead].max() < mine[~dead].min()
    linear, product = 16 * 3 * 10, 4 * 10 * 20 + 20 * 40  # costs that are proportional to one count, and to two
    left = (-linear + (linear**2 + 4 * 0.4 * product * (linear + product)) ** 0.5) / (2 * product)
    assert sale.price == pytest.approx(1 - left, abs=1 / 40)


def test_uniform_in_two_rounds_is_uniform_in_one() -> None:
    sizes = [10, 20, 40]
    budget, space_of = chain(sizes, [1, 1, 1], [16, 4, 1]), groups(sizes)
    saliency = torch.rand(70, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    once = removals(uniform(saliency, space_of, budget), space_of, budget, 0.3, 0.0)
    alive = ~removals(uniform(saliency, space_of, budget), space_of, budget, 0.7, 0.0).dead
    rest = removals(uniform(saliency[alive], space_of[alive], budget), space_of[alive], budget, 0.3, 0.0)
    twice = (~alive).masked_scatter(alive, rest.dead)
    assert torch.equal(once.dead, twice)
    assert 0 < int(rest.dead.sum()) < int(once.dead.sum())


@pytest.mark.parametrize("scope", ["shared", "backbone"])
def test_targets_are_met_for_every_kind_of_backbone(
    network: Network, scope: Scope, spaces_of: Callable[..., Spaces]
) -> None:
    spaces = spaces_of(network, scope)
    budget = Budget(measure_costs(network, spaces, (64, 96)), "macs", 1.0)
    space_of = groups(spaces.sizes.tolist())
    saliency = torch.rand(len(space_of), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for target in (0.5, 0.25):
        sale = removals(per_cost(saliency, space_of, budget), space_of, budget, target, target - 0.004)
        assert target - 0.004 <= left_after(sale, space_of, budget) <= target


def test_a_round_of_many_groups_takes_under_half_a_second() -> None:
    sizes = [170] * 160
    budget, space_of = chain(sizes, [default_floor(170)] * 160, [4**3, 4**2, 4, 1] * 40), groups(sizes)
    saliency = torch.rand(len(space_of), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start = time.perf_counter()
    sale = removals(per_cost(saliency, space_of, budget), space_of, budget, 0.3, 0.296)
    assert time.perf_counter() - start < 0.5
    assert 0.296 <= left_after(sale, space_of, budget) <= 0.3
