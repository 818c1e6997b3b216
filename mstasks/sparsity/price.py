"""Which channels are not worth their cost: they leave in the order of saliency per cost until a budget is met.

The value per cost at which that happens is the price: the multiplier of the constraint on the cost. Pure functions of
tensors on the CPU; everywhere below, N groups of S spaces are those that are still alive, and a cost is a fraction of
what the whole scope costs with nothing removed.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import torch
from torch import Tensor

from mstasks.sparsity.budget import Budget


@dataclass(frozen=True, slots=True)
class Sale:
    """Which groups leave.

    Attributes:
        dead: The groups that leave, bool, shape (N,).
        price: Value of the last one in the order, 0 if none leaves.
    """

    dead: Tensor
    price: float


def removals(values: Tensor, space_of: Tensor, budget: Budget, goal: float, least: float) -> Sale:
    """The groups that leave so that the cost falls to the goal: those of the lowest value, floors respected.

    The shortest such prefix of the order is taken, equal values in the order given. A group whose removal would take
    the cost below `least` is skipped for a cheaper one further on. Costs are exact, however the groups overlap.

    Args:
        values: What each group is worth, float64, shape (N,); see `per_cost` and `uniform`.
        space_of: Index of each group's space, int64, shape (N,).
        budget: Counts the cost and knows the floors; one channel of each space always stays.
        goal: Cost that may be left, from `least` to 1.
        least: Cost that must be left.

    Raises:
        ValueError: If `goal` is below `least`.
    """
    if goal < least:
        raise ValueError(f"`goal` must be at least `least`, {least}. Found {goal}.")
    counts = _counts(space_of, budget)
    queue = _for_sale(values, space_of, counts - budget.costs.spaces.floors.clamp(min=1))
    spaces = space_of[queue]

    def left(length: int) -> Tensor:
        return counts - torch.bincount(spaces[:length], minlength=len(counts))

    # The cost falls with every removal, so bisection finds the shortest prefix.
    lengths = range(len(queue) + 1)
    length = bisect_left(lengths, True, key=lambda length: float(budget.fraction(left(length))) <= goal)
    sold = queue[:length]
    if 0 < length < len(lengths) and float(budget.fraction(left(length))) < least:
        cheaper = _fill(spaces, length, left(length - 1), budget, goal, least)
        sold = torch.cat([queue[: length - 1], queue[cheaper]])
    dead = torch.zeros_like(space_of, dtype=torch.bool).index_fill_(0, sold, True)
    return Sale(dead, float(values[sold[-1]]) if len(sold) else 0.0)


def per_cost(saliency: Tensor, space_of: Tensor, budget: Budget) -> Tensor:
    """s_g / c_g: saliency per cost that one group less of its space saves at the current counts, float64, shape (N,).

    Args:
        saliency: s_g >= 0, shape (N,).
        space_of: Index of each group's space, int64, shape (N,).
        budget: Counts the cost.
    """
    return saliency.double() / budget.marginal(_counts(space_of, budget))[space_of]


def uniform(saliency: Tensor, space_of: Tensor, budget: Budget) -> Tensor:
    """The fraction of every space's channels at which a group leaves if all spaces lose the same fraction.

    Args:
        saliency: Orders the groups within each space, shape (N,).
        space_of: Index of each group's space, int64, shape (N,).
        budget: Knows how many channels the spaces had at first.

    Returns:
        float64 in (0, 1), shape (N,). At the fraction q a space of C channels has lost q C, rounded.
    """
    sizes = budget.costs.full
    gone = sizes - _counts(space_of, budget)
    return (gone[space_of] + ranks(saliency, space_of) + 0.5) / sizes[space_of].double()


def ranks(values: Tensor, space_of: Tensor) -> Tensor:
    """How many groups of its own space come before each group in the order of values: int64, shape (N,)."""
    order = values.argsort(stable=True)
    order = order[space_of[order].argsort(stable=True)]  # space by space, in each the lowest first
    counts = torch.bincount(space_of)
    starts = counts.cumsum(0) - counts
    return torch.empty_like(space_of).index_copy_(0, order, torch.arange(len(order)) - starts[space_of[order]])


def _counts(space_of: Tensor, budget: Budget) -> Tensor:
    return torch.bincount(space_of, minlength=len(budget.costs.spaces.spaces))


def _for_sale(values: Tensor, space_of: Tensor, supply: Tensor) -> Tensor:
    """Indices of the groups that may leave, `supply` of each space, the lowest value first."""
    order = values.argsort(stable=True)
    return order[(ranks(values, space_of) < supply[space_of])[order]]


def _fill(spaces: Tensor, start: int, counts: Tensor, budget: Budget, goal: float, least: float) -> Tensor:
    """Positions, from `start` on, of the groups to take one by one until the goal is met, none going below `least`.

    Args:
        spaces: Of the groups in their order.
        start: First position that may be taken.
        counts: Channels left before.
        budget: Counts the cost.
        goal: Cost to reach.
        least: Cost that must be left.
    """
    taken: list[int] = []
    one = torch.eye(len(counts), dtype=torch.int64)
    while float(budget.fraction(counts)) > goal:
        affordable = (budget.fraction(counts - one) >= least)[spaces[start:]]
        if not bool(affordable.any()):
            break
        taken.append(start + int(affordable.int().argmax()))  # the first
        start = taken[-1] + 1
        counts = counts - one[spaces[taken[-1]]]
    return torch.tensor(taken, dtype=torch.int64)
