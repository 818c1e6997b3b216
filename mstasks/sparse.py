"""From a recipe's `sparsity` and `meta` to the strength and the update of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mstasks.plugins import Registry, resolve
from mstasks.sparsity.budget import Budget, Kind
from mstasks.sparsity.costs import Costs, measure_costs
from mstasks.sparsity.groups import find_spaces
from mstasks.sparsity.part import SparsePart
from mstasks.sparsity.strength.base import Strength

if TYPE_CHECKING:
    from mstasks.network import Network
    from mstasks.recipe.model import Sparsity, Target


def build_part(network: Network, sparsity: Sparsity, size: tuple[int, int]) -> SparsePart:
    """Find the groups that a recipe asks for, and what they cost.

    Args:
        network: Nothing removed yet.
        sparsity: The recipe's `sparsity`.
        size: Height and width of the images.

    Raises:
        SpacesError: If the network cannot be made sparse so; names the layer.
        UsageError: If the target cannot be reached.
    """

    def floor(channels: int) -> int:
        return max(1, math.ceil(sparsity.floor * channels))

    groups = find_spaces(network, size, sparsity.scope, sparsity.groups, floor)
    coupled = groups if sparsity.groups == "channel" else find_spaces(network, size, sparsity.scope, "channel", floor)
    costs = measure_costs(network, coupled, size)
    budget = None if sparsity.target is None else _budget(sparsity.target, costs)
    return SparsePart(network, groups, costs, budget, sparsity.metric, size)


def build_strength(
    part: SparsePart, sparsity: Sparsity, tasks: Sequence[str], steps: int, registry: Registry
) -> Strength:
    """The recipe's strength."""
    spec = registry.find("strength", sparsity.strength.name)
    strength: Strength = resolve(spec.factory)(part, tasks, steps, sparsity.strength.options)
    return strength


def _budget(target: Target, costs: Costs) -> Budget:
    kinds: tuple[Kind, ...] = ("macs", "parameters", "channels")
    kind = next(kind for kind in kinds if getattr(target, kind) is not None)
    return Budget(costs, kind, getattr(target, kind))
