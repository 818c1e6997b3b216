"""The `sparsity` block of summary.json: what the sparsity of a run is worth once the dead channels are removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mstasks.macs import Cost, network_cost, total_cost
from mstasks.network import Network
from mstasks.sparsity.census import take_census
from mstasks.sparsity.compact import compact
from mstasks.sparsity.record import target_of
from mstasks.sparsity.significant import significant
from mstasks.sparsity.spaces import Scope, Spaces, parts_of
from mstasks.sparsity.strength.base import Strength


def sparsity_summary(
    network: Network,
    strength: Strength,
    size: tuple[int, int],
    *,
    name: str,
    rows: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The block of a run that was just trained.

    Args:
        network: The evaluated network, nothing removed; left as it is.
        strength: Made it sparse.
        size: Height and width of the image that MACs are counted for.
        name: The strength's name in the recipe.
        rows: Of metrics.jsonl, for the largest price or lambda on the way.

    Returns:
        ``scope`` and ``groups`` as in the recipe; ``target`` such as ``{"macs": 0.5}`` or None, ``reached`` in the same
        terms; ``zero_groups``, ``zero_parameters`` (of the scope's convolution weights) and ``removable_parameters``
        (of the scope's) as fractions; ``macs_dense``, ``macs_compact``, ``parameters_dense``, ``parameters_compact`` of
        the scope, and with the prefix ``network_`` of the whole network; ``strength``: ``name``, ``reading`` (``price``
        or ``lambda``), its ``final`` and ``max`` values by space or under ``all``.
    """
    part = strength.part
    worth = measure_worth(network, part.groups, part.costs.spaces, size)
    return {
        "scope": part.groups.scope,
        "groups": part.groups.kind,
        "target": target_of(part),
        "reached": None if part.budget is None else {part.budget.kind: worth.left[part.budget.kind]},
        **worth.numbers,
        "strength": {"name": name, **_readings(strength, rows)},
    }


@dataclass(frozen=True, slots=True)
class Worth:
    """What the zeros of a network are worth.

    Attributes:
        numbers: The entries of the section from ``zero_groups`` to ``network_parameters_compact``.
        left: Of the scope's ``macs``, ``parameters`` and ``channels``, the fraction that is left.
    """

    numbers: dict[str, float]
    left: dict[str, float]


def measure_worth(network: Network, groups: Spaces, channels: Spaces, size: tuple[int, int]) -> Worth:
    """Remove the dead channels of a copy and count both networks with torch's own counter.

    Args:
        network: Nothing removed; left as it is.
        groups: What it was trained with, of any kind.
        channels: The network's channel spaces, of the same scope.
        size: Height and width of the image that MACs are counted for.
    """
    dense_costs, small_costs = network_cost(network, size), network_cost(compact(network, channels), size)
    dense, small = _of_scope(dense_costs, groups.scope), _of_scope(small_costs, groups.scope)
    whole, whole_small = total_cost(dense_costs), total_cost(small_costs)
    census = take_census(network, groups, channels)
    left = {
        "macs": small.macs / dense.macs,
        "parameters": small.parameters / dense.parameters,
        "channels": sum(census.channels.values()) / int(channels.sizes.sum()),
    }
    numbers = {
        "zero_groups": census.zero_groups,
        "zero_parameters": census.zero_weights_fraction,
        "removable_parameters": 1 - left["parameters"],
        "macs_dense": dense.macs,
        "macs_compact": small.macs,
        "parameters_dense": dense.parameters,
        "parameters_compact": small.parameters,
        "network_macs_dense": whole.macs,
        "network_macs_compact": whole_small.macs,
        "network_parameters_dense": whole.parameters,
        "network_parameters_compact": whole_small.parameters,
    }
    return Worth(numbers, left)


def _of_scope(costs: Mapping[str, Cost], scope: Scope) -> Cost:
    return total_cost({part: costs[part] for part in parts_of(scope) if part in costs})


def _readings(strength: Strength, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Last and largest values; a strength may end at zero, so the largest tells more."""
    readings = strength.readings()
    final = {space: significant(value) for space, value in readings.values.items()}
    largest = dict(final)
    for row in rows:
        logged = row["sparsity"]["strength"]["values"] if "sparsity" in row else {}
        for space, value in logged.items():
            if value is not None:  # NaN in the log
                largest[space] = max(value, largest.get(space, value))
    return {"reading": readings.name, "final": final, "max": largest}
