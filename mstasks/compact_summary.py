"""summary.json of a compact run: its parent's, with its own scores and costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mstasks.macs import Cost, total_cost
from mstasks.sparsity.spaces import parts_of
from mstasks.structure import CompactStructure


def compact_summary(
    parent: Mapping[str, Any],
    path: str,
    tasks: Mapping[str, Any],
    structure: CompactStructure,
    *,
    costs: Sequence[Mapping[str, Cost]],
    files: Sequence[int],
    difference: float,
) -> dict[str, Any]:
    """The summary.

    Args:
        parent: The parent's summary: method, seed, steps, images and seconds of training are kept.
        path: Where the parent lies, seen from the compact run.
        tasks: Scores of the compact network.
        structure: What it is built from.
        costs: By part, of the dense and of the compact network.
        files: Bytes of their weights.
        difference: Of their predictions, largest over largest magnitude.

    Returns:
        `network` is the compact network's; so are the entries ``..._compact`` of `sparsity`, of which the rest is the
        parent's. `compact` holds ``multiple``, ``folded`` (norms), ``difference``, and ``channels`` of the shared part,
        ``parameters``, ``macs`` and ``bytes`` of the whole network, each ``dense`` and ``compact``.
    """
    dense, small = (total_cost(parts) for parts in costs)
    summary = {
        **{key: value for key, value in parent.items() if key != "advice"},  # advice is for training
        "parent": path,
        "tasks": dict(tasks),
        "network": {part: {"parameters": cost.parameters, "macs": cost.macs} for part, cost in costs[1].items()},
        "compact": {
            "multiple": structure.multiple,
            "folded": len(structure.folded),
            "difference": difference,
            "channels": _pair(sum(structure.dense.values()), sum(structure.channels.values())),
            "parameters": _pair(dense.parameters, small.parameters),
            "macs": _pair(dense.macs, small.macs),
            "bytes": _pair(*files),
        },
    }
    if "sparsity" in parent:
        summary["sparsity"] = own_costs(parent["sparsity"], costs[1])
    return summary


def changed_metrics(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each test metric that differs within its first 4 digits.

    Parts such as ``miou/door`` are left out: rounding that flips one pixel of a rare class changes more than that.

    Args:
        before: `tasks` of the parent's summary.
        after: `tasks` of the compact run's.
    """
    for task, scores in before.items():
        for metric, old in scores["test"].items():
            new = after[task]["test"][metric]
            if "/" not in metric and not _same(old, new):
                yield f"{task} {metric} is {new} here and {old} in the parent's summary."


def own_costs(sparsity: Mapping[str, Any], costs: Mapping[str, Cost]) -> dict[str, Any]:
    """The `sparsity` section of a compact network.

    Args:
        sparsity: The section of the run that it comes from, of which all that is no cost of the compact network stays.
        costs: The compact network's, by part.
    """
    scope = total_cost({part: costs[part] for part in parts_of(sparsity["scope"]) if part in costs})
    whole = total_cost(costs)
    left = {"macs": scope.macs / sparsity["macs_dense"], "parameters": scope.parameters / sparsity["parameters_dense"]}
    reached = sparsity["reached"]
    return {
        **sparsity,
        "reached": None if reached is None else {kind: left.get(kind, value) for kind, value in reached.items()},
        "removable_parameters": 1 - left["parameters"],
        "macs_compact": scope.macs,
        "parameters_compact": scope.parameters,
        "network_macs_compact": whole.macs,
        "network_parameters_compact": whole.parameters,
    }


def _same(old: float | None, new: float | None) -> bool:
    if old is None or new is None:  # not a number, on a split without labels
        return old is new
    return math.isclose(old, new, rel_tol=1e-4, abs_tol=5e-5)


def _pair(dense: int, compact: int) -> dict[str, int]:
    return {"dense": dense, "compact": compact}
