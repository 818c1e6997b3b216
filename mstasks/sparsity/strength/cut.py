"""The cut to a target: groups leave once and for good, in the order in which lambda would make them zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mstasks.sparsity.alive import zero_groups
from mstasks.sparsity.lineup import Lineup
from mstasks.sparsity.price import removals
from mstasks.sparsity.space import group_weight
from mstasks.sparsity.strength.remedies import missed_target

if TYPE_CHECKING:
    from mstasks.sparsity.budget import Budget
    from mstasks.sparsity.part import SparsePart

TOLERANCE = 0.004
"""How far below the target the cost may end where groups are small enough."""


@torch.no_grad()
def cut_to_target(part: SparsePart, budget: Budget, strengths: Mapping[str, Tensor | float]) -> None:
    """Remove all groups that are zero, then others until the target is met, the least `resistances` first.

    Floors are respected by the others. A group that would take the cost more than `TOLERANCE` below the target stays
    for a cheaper one further on; without any, the cost ends above the target. If the zero groups alone take it to the
    target or below, they are all that leaves.

    Args:
        part: With groups that are channels.
        budget: The target.
        strengths: lambda > 0 by space: one number.
    """
    parameters = part.parameters
    part.remove({space.name: zero_groups(space, parameters) for space in part.groups.spaces})
    lineup = Lineup.of(part.groups, part.alive)
    values = lineup.values(resistances(part, strengths))
    sale = removals(values, lineup.space_of, budget, budget.target, budget.target - TOLERANCE)
    part.remove(lineup.by_space(sale.dead))


def resistances(part: SparsePart, strengths: Mapping[str, Tensor | float]) -> dict[str, Tensor]:
    """|g| / (lambda w_g): the step size from which on the Euclidean proximal step makes a group zero.

    The metric `adam` gets the same order: what leaves for good should not hang on the denominators of one step.

    Args:
        part: The groups.
        strengths: lambda > 0 by space: one number.

    Returns:
        By space, shape (size,).
    """
    parameters = part.parameters
    return {
        name: norms / (group_weight(part.spaces[name], parameters) * strengths[name])
        for name, norms in part.norms().items()
    }


def missed_cut(part: SparsePart, budget: Budget) -> list[str]:
    """If the cost after the cut is further from the target than `TOLERANCE`: how far, and what to do.

    Args:
        part: After the cut.
        budget: The target.
    """
    counts = part.counts()
    fraction = float(budget.fraction(counts))
    if fraction >= budget.target - TOLERANCE:
        return missed_target(budget, counts, TOLERANCE)
    return [
        f"The target was undershot: {budget.kind} {budget.target:g} was asked, {fraction:.4f} is left for good, since "
        "more groups than that asks for were zero already at the cut. Start with a smaller `initial` of "
        "`sparsity.strength`, or cut earlier, with a smaller `cut`."
    ]
