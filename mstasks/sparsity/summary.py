"""The `sparsity` block of summary.json: what the sparsity of a run is worth once the dead channels are removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mstasks.macs import Cost, network_cost, total_cost
from mstasks.network import Network
from mstasks.sparsity.census import take_census
from mstasks.sparsity.compact import compact
from mstasks.sparsity.record import target_of
from mstasks.sparsity.significant import significant
from mstasks.sparsity.spaces import Scope, parts_of
from mstasks.sparsity.strength.base import Strength


def sparsity_summary(
    network: Network,
    strength: Strength,
    size: tuple[int, int],
    *,
    name: str,
    rows: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Remove the dead channels of a copy and count both networks with torch's own counter.

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
    small = compact(network, part.costs.spaces)
    dense_costs, small_costs = network_cost(network, size), network_cost(small, size)
    dense, left = _of_scope(dense_costs, part.groups.scope), _of_scope(small_costs, part.groups.scope)
    whole, whole_left = total_cost(dense_costs), total_cost(small_costs)
    census = take_census(network, part.groups, part.costs.spaces)
    return {
        "scope": part.groups.scope,
        "groups": part.groups.kind,
        "target": target_of(part),
        "reached": _reached(strength, census.channels, dense, left),
        "zero_groups": census.zero_groups,
        "zero_parameters": census.zero_weights_fraction,
        "removable_parameters": 1 - left.parameters / dense.parameters,
        "macs_dense": dense.macs,
        "macs_compact": left.macs,
        "parameters_dense": dense.parameters,
        "parameters_compact": left.parameters,
        "network_macs_dense": whole.macs,
        "network_macs_compact": whole_left.macs,
        "network_parameters_dense": whole.parameters,
        "network_parameters_compact": whole_left.parameters,
        "strength": {"name": name, **_readings(strength, rows)},
    }


def _of_scope(costs: Mapping[str, Cost], scope: Scope) -> Cost:
    return total_cost({part: costs[part] for part in parts_of(scope) if part in costs})


def _reached(strength: Strength, channels: Mapping[str, int], dense: Cost, left: Cost) -> dict[str, float] | None:
    """What the target speaks of, as a fraction of the dense network's."""
    budget = strength.part.budget
    if budget is None:
        return None
    fractions = {
        "macs": left.macs / dense.macs,
        "parameters": left.parameters / dense.parameters,
        "channels": sum(channels.values()) / int(strength.part.costs.full.sum()),
    }
    return {budget.kind: fractions[budget.kind]}


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
