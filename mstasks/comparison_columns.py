"""The columns of a comparison: a number of each run, its direction, and which runs may be the best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mstasks.directions import direction
from mstasks.statistics import is_number

if TYPE_CHECKING:
    from mstasks.comparison import ComparedRun, Comparison
    from mstasks.statistics import Score


@dataclass(frozen=True, slots=True)
class Column:
    """A number of each run.

    Attributes:
        name: Of the number, such as a metric's.
        values: One a run; None where it is missing.
        higher: Whether higher is better; None if nobody knows, or neither is.
        task: Whose metric it is; empty for other numbers.
        rivals: Rows whose numbers say the same thing, of which one can be the best; None for all.
    """

    name: str
    values: Sequence[Score]
    higher: bool | None = None
    task: str = ""
    rivals: frozenset[int] | None = None

    def best(self, show: Callable[[float], str]) -> frozenset[int]:
        """Rows that show the best value; none if all show the same, such as the only one.

        Args:
            show: How a number is written: what rounds to the same is as good.
        """
        there = {
            row: value
            for row, value in enumerate(self.values)
            if is_number(value) and (self.rivals is None or row in self.rivals)
        }
        if self.higher is None or len({show(value) for value in there.values()}) < 2:
            return frozenset()
        winner = show((max if self.higher else min)(there.values()))
        return frozenset(row for row, value in there.items() if show(value) == winner)


def primary_columns(comparison: Comparison) -> list[Column]:
    """A column a task and primary metric, which may be two for a task whose runs do not agree on it."""
    primary = {
        (name, task["primary"]): bool(task["higher_is_better"])
        for run in comparison.runs
        for name, task in run.tasks.items()
    }
    return [
        Column(metric, [_score(run, name, metric, comparison.split) for run in comparison.runs], higher, name)
        for (name, metric), higher in primary.items()
    ]


def metric_columns(runs: Sequence[ComparedRun], task: str, split: str) -> Iterator[Column]:
    """All metrics of a task; parts such as ``accuracy/Male`` are left out.

    Args:
        runs: Those that have the task.
        task: Its name.
        split: Whose scores.
    """
    entries = [run.tasks[task] for run in runs]
    for metric in dict.fromkeys(metric for entry in entries for metric in entry[split] if "/" not in metric):
        told = {direction(entry, metric) for entry in entries if metric in entry[split]} - {None}
        higher = told.pop() if len(told) == 1 else None
        yield Column(metric, [entry[split].get(metric) for entry in entries], higher, task)


def delta_m_column(comparison: Comparison) -> Column:
    """Only means over the same tasks as the baseline's can be the best."""
    tasks = set(comparison.baseline.delta_m.changes)
    rows = enumerate(comparison.runs)
    alike = frozenset(row for row, run in rows if set(run.delta_m.changes) == tasks)
    return Column("delta_m", [run.delta_m.percent for run in comparison.runs], higher=True, rivals=alike)


def left_column(comparison: Comparison) -> Column:
    """The share of MACs that is left of what was trained to be sparse; shares of unlike scopes have no best."""
    found = scopes(comparison)
    return Column(
        f"{found[0]} left" if len(found) == 1 else "scope left",
        [run.cost.left for run in comparison.runs],
        higher=False,
        rivals=frozenset() if len(found) > 1 else None,
    )


def scopes(comparison: Comparison) -> list[str]:
    """The scopes of what is left; ``shared`` if no run was trained to be sparse."""
    found = dict.fromkeys(run.cost.scope for run in comparison.runs if run.cost.scope is not None)
    return list(found) or ["shared"]


def _score(run: ComparedRun, task: str, metric: str, split: str) -> Score:
    value: Score = run.tasks.get(task, {}).get(split, {}).get(metric)
    return value
