"""The tables after a run: its scores beside the constant predictor, and its sparsity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mstasks.cli.console import print_table

_COLUMNS = ("task", "metric", "network", "constant", "gap closed")


def print_results(tasks: Mapping[str, Mapping[str, Any]], split: str) -> None:
    """One row a metric; parts such as ``accuracy/Male`` stay in the files.

    Args:
        tasks: `tasks` of a summary.
        split: Whose scores to show.
    """
    rows = [row for name, task in tasks.items() for row in _rows(name, task, split)]
    print_table(_COLUMNS, rows, f"{split} split", numbers=_COLUMNS[2:])


def print_sparsity(sparsity: Mapping[str, Any]) -> None:
    """What is zero, what of it can be removed, and what the network costs before and after.

    Args:
        sparsity: `sparsity` of a summary.
    """
    scope = f"{sparsity['scope']} part" if sparsity["scope"] == "shared" else sparsity["scope"]
    columns = ("sparsity", "share", "dense", "compact")
    rows = [
        ("zero groups", percent(sparsity["zero_groups"]), "", ""),
        ("removable parameters", percent(sparsity["removable_parameters"]), *_pair(sparsity, "parameters")),
        (f"MACs left, {scope}", _left(sparsity, "macs"), *_pair(sparsity, "macs")),
        ("MACs left, whole network", _left(sparsity, "network_macs"), *_pair(sparsity, "network_macs")),
    ]
    print_table(columns, rows, numbers=columns[1:])


def _rows(name: str, task: Mapping[str, Any], split: str) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for metric in (metric for metric in task[split] if "/" not in metric):
        primary = metric == task["primary"]
        gap = f"{task['gap_closed']:.1%}" if primary else ""
        rows.append(
            (name if primary else "", metric, _cell(task[split][metric]), _cell(task["constant"].get(metric)), gap)
        )
    return rows


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _left(sparsity: Mapping[str, Any], key: str) -> str:
    return percent(sparsity[f"{key}_compact"] / sparsity[f"{key}_dense"])


def _pair(sparsity: Mapping[str, Any], key: str) -> tuple[str, str]:
    return millions(sparsity[f"{key}_dense"]), millions(sparsity[f"{key}_compact"])


def percent(fraction: float) -> str:
    """A fraction as a percentage: 49.7%."""
    return f"{fraction:.1%}"


def millions(count: int) -> str:
    """In millions, with three digits behind the point below ten: 0.280 M, 1562.2 M."""
    return f"{count / 1e6:.{3 if count < 1e7 else 1}f} M"
