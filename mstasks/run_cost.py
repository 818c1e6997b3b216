"""What the networks of a run cost, read from summaries: MACs, parameters, and how much of the shared part is left."""

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
        shared_left: MACs that are left of the shared part, over those of the dense one; with `sparsity.scope: backbone`
            of the backbone alone. None if not written down.
    """

    macs: int | None
    parameters: int | None
    shared_left: float | None


def run_cost(summaries: Sequence[Mapping[str, Any]], *, compact: bool = False) -> RunCost:
    """What a run costs by its summary.

    Args:
        summaries: Of the run's network; of each network of a `single-task` parent, whose costs are added up.
        compact: Whether channels were removed, so that only `sparsity` of the summary tells what there was before.
    """
    shared = [_shared(summary, compact=compact) for summary in summaries]
    left, dense = _sum(pair[0] for pair in shared), _sum(pair[1] for pair in shared)
    return RunCost(
        macs=_sum(_whole(summary, "macs") for summary in summaries),
        parameters=_sum(_whole(summary, "parameters") for summary in summaries),
        shared_left=left / dense if left is not None and dense else None,
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


def _shared(summary: Mapping[str, Any], *, compact: bool) -> tuple[int | None, int | None]:
    """MACs of one network's shared part: what is left, and what the dense one has."""
    if "sparsity" in summary:
        return summary["sparsity"]["macs_compact"], summary["sparsity"]["macs_dense"]
    network = summary.get("network") or {}
    if compact or not network:
        return None, None
    macs = sum(network[part]["macs"] for part in _SHARED if part in network)
    return macs, macs
