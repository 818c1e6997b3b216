"""The tables of `mstasks compare`: a row a run, a column a number, the best of each column marked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mstasks.cli.console import print_table
from mstasks.cli.results import millions, percent
from mstasks.comparison_columns import Column, delta_m_column, left_column, metric_columns, primary_columns, scopes
from mstasks.statistics import is_number

if TYPE_CHECKING:
    from mstasks.comparison import ComparedRun, Comparison


@dataclass(frozen=True, slots=True)
class _Shown:
    """A column as text."""

    title: str
    cells: Sequence[str]
    best: frozenset[int] = frozenset()
    number: bool = True

    @property
    def width(self) -> int:
        """In a drawn table, with the line on its left and a space on both sides."""
        return 3 + max(map(len, [*self.title.splitlines(), *self.cells]))


def print_comparison(comparison: Comparison) -> None:
    """The table: primary metrics with their direction, delta_m, costs, steps and seconds."""
    runs = comparison.runs
    costs = {
        "MACs": [run.cost.macs for run in runs],
        "parameters": [run.cost.parameters for run in runs],
    }
    columns = [
        _Shown("method", [_method(run) for run in runs], number=False),
        *(_metric(column, f"{column.task}\n{column.name}") for column in primary_columns(comparison)),
        _shown(delta_m_column(comparison), signed_percent),
        *(_shown(Column(name, counts, higher=False), _millions) for name, counts in costs.items()),
        _left(comparison),
        _shown(Column("steps", [run.summary.get("steps") for run in runs]), lambda count: str(int(count))),
        _shown(Column("seconds", [run.summary.get("seconds") for run in runs]), lambda count: f"{count:.1f}"),
    ]
    _print(runs, columns, f"{comparison.split} split")


def print_tasks(comparison: Comparison) -> None:
    """A table per task with all its metrics; parts such as ``accuracy/Male`` stay in the files."""
    for task in dict.fromkeys(task for run in comparison.runs for task in run.tasks):
        runs = [run for run in comparison.runs if task in run.tasks]
        columns = [_metric(column, column.name) for column in metric_columns(runs, task, comparison.split)]
        _print(runs, columns, f"{task}, {comparison.split} split")


def _print(runs: Sequence[ComparedRun], columns: Sequence[_Shown], title: str) -> None:
    """Print a table, on a terminal that it is too wide for as several that each start with the runs."""
    names = _Shown("run", [run.name for run in runs], number=False)
    width = _terminal_width()
    for index, block in enumerate([columns] if width is None else _blocks(names, columns, width)):
        shown = [names, *block]
        print_table(
            [column.title for column in shown],
            [[column.cells[row] for column in shown] for row in range(len(runs))],
            title if index == 0 else None,
            numbers=[column.title for column in shown if column.number],
            marks={(row, at) for at, column in enumerate(shown) for row in column.best},
        )


def _terminal_width() -> int | None:
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    return Console().width


def _blocks(names: _Shown, columns: Sequence[_Shown], width: int) -> Iterator[list[_Shown]]:
    """Columns in order, as many at once as fit beside the names; a single one that does not is left to be folded."""
    block: list[_Shown] = []
    for column in columns:
        if block and 1 + sum(shown.width for shown in (names, *block, column)) > width:
            yield block
            block = []
        block.append(column)
    yield block


def _metric(column: Column, title: str) -> _Shown:
    return _shown(column, _score, _titled(title, column.higher))


def _left(comparison: Comparison) -> _Shown:
    """What is left of the sparse part; of parts that are not the same, each cell names its own."""
    column = left_column(comparison)
    shown = _shown(column, percent, column.name.replace(" ", "\n"))
    if len(scopes(comparison)) == 1:
        return shown
    parts = [run.cost.scope for run in comparison.runs]
    cells = [f"{cell} {part}" if part else cell for cell, part in zip(shown.cells, parts, strict=True)]
    return _Shown(shown.title, cells)


def _shown(column: Column, show: Callable[[float], str], title: str = "") -> _Shown:
    cells = [show(value) if is_number(value) else "-" for value in column.values]
    return _Shown(title or column.name, cells, column.best(show))


def _method(run: ComparedRun) -> str:
    """The method, and what was made of the run since."""
    made = {"compact": run.run.structure.is_file(), "adapted": "adapt" in run.summary}
    return ", ".join([str(run.summary["method"]), *(word for word, is_so in made.items() if is_so)])


def _titled(metric: str, higher: bool | None) -> str:
    """A metric with an arrow in the direction of better, where the output can show one."""
    if higher is None:
        return metric
    arrow, word = ("↑", "up") if higher else ("↓", "down")
    try:
        arrow.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return f"{metric} ({word})"
    return f"{metric} {arrow}"


def _score(value: float) -> str:
    return f"{value:.4f}"


def _millions(count: float) -> str:
    return millions(int(count))


def signed_percent(value: float) -> str:
    """A change in percent: +1.2%, and 0.0% without a sign."""
    text = f"{value:+.1f}%"
    return "0.0%" if text in ("+0.0%", "-0.0%") else text
