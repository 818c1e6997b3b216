"""The table of a run's scores beside the constant predictor."""

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
    print_table(_COLUMNS, [row for name, task in tasks.items() for row in _rows(name, task, split)], f"{split} split")


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
