"""What the networks of a run cost, read from summaries: MACs, parameters, and how much of the sparse part is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SHARED = ("backbone", "trunk")


@dataclass(frozen=True, slots=True)
class RunCost:
    """What the networks of a run cost without the channels that are zero, for one image of `data.size`.

    Attributes:
        macs: Of the whole network; of all networks of a `single-task` parent together. None if not written down.
        parameters: Alike.
        scope: What was trained to be sparse, and what `left` is of: ``shared``, backbone and trunk, or ``backbone``.
            None for a run that was not, of which all is left in either scope.
        left: MACs of the scope that are left, over those of the dense network's. None if not written down.
    """

    macs: int | None
    parameters: int | None
    scope: str | None
    left: float | None


def run_cost(summaries: Sequence[Mapping[str, Any]], *, compact: bool = False) -> RunCost:
    """What a run costs by its summary.

    Args:
        summaries: Of the run's network; of each network of a `single-task` parent, whose costs are added up.
        compact: Whether channels were removed, so that only `sparsity` of the summary tells what there was before.
    """
    pairs = [_scope_macs(summary, compact=compact) for summary in summaries]
    left, dense = _sum(pair[0] for pair in pairs), _sum(pair[1] for pair in pairs)
    scopes = {(summary.get("sparsity") or {}).get("scope") for summary in summaries}
    alike = len(scopes) == 1  # all networks of a run have one recipe
    return RunCost(
        macs=_sum(_whole(summary, "macs") for summary in summaries),
        parameters=_sum(_whole(summary, "parameters") for summary in summaries),
        scope=scopes.pop() if alike else None,
        left=left / dense if alike and left is not None and dense else None,
    )


def _sum(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


def _whole(summary: Mapping[str, Any], kind: str) -> int | None:
    """MACs or parameters of one network."""
    if "sparsity" in summary:
        return int(summary["sparsity"][f"network_{kind}_compact"])
    network = summary.get("network") or {}
    return sum(part[kind] for part in network.values()) if network else None


def _scope_macs(summary: Mapping[str, Any], *, compact: bool) -> tuple[int | None, int | None]:
    """MACs of one network's sparse part, else of its shared part: what is left, and what the dense one has."""
    if "sparsity" in summary:
        return summary["sparsity"]["macs_compact"], summary["sparsity"]["macs_dense"]
    network = summary.get("network") or {}
    if compact or not network:
        return None, None
    macs = sum(network[part]["macs"] for part in _SHARED if part in network)
    return macs, macs
