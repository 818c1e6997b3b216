"""The tables of `mstasks compare`: a row a run, a column a number, the best of each column marked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mstasks.cli.console import print_table
from mstasks.cli.results import millions, percent
from mstasks.statistics import is_number

if TYPE_CHECKING:
    from mstasks.comparison import ComparedRun, Comparison
    from mstasks.statistics import Score


@dataclass(frozen=True, slots=True)
class _Column:
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
    columns = [
        *_primaries(comparison),
        _delta_m(comparison),
        _numbers("MACs", [run.cost.macs for run in runs], lambda count: millions(int(count)), higher=False),
        _numbers("parameters", [run.cost.parameters for run in runs], lambda count: millions(int(count)), higher=False),
        _numbers("shared\nleft", [run.cost.shared_left for run in runs], percent, higher=False),
        _numbers("steps", [run.summary.get("steps") for run in runs], lambda count: str(int(count))),
        _numbers("seconds", [run.summary.get("seconds") for run in runs], lambda count: f"{count:.1f}"),
    ]
    methods = _Column("method", [_method(run) for run in runs], number=False)
    _print(runs, [methods, *columns], f"{comparison.split} split")


def print_tasks(comparison: Comparison) -> None:
    """A table per task with all its metrics; parts such as ``accuracy/Male`` stay in the files.

    Only the primary metric has a direction in the files, so only its best value is marked.
    """
    for task in dict.fromkeys(task for run in comparison.runs for task in run.tasks):
        runs = [run for run in comparison.runs if task in run.tasks]
        primary = {run.tasks[task]["primary"]: bool(run.tasks[task]["higher_is_better"]) for run in runs}
        scores = [run.tasks[task][comparison.split] for run in runs]
        names = dict.fromkeys(metric for own in scores for metric in own if "/" not in metric)
        columns = [
            _numbers(
                _titled(metric, primary.get(metric)), [own.get(metric) for own in scores], _score, primary.get(metric)
            )
            for metric in names
        ]
        _print(runs, columns, f"{task}, {comparison.split} split")


def _print(runs: Sequence[ComparedRun], columns: Sequence[_Column], title: str) -> None:
    """Print a table, on a terminal that it is too wide for as several that each start with the runs."""
    names = _Column("run", [run.name for run in runs], number=False)
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


def _blocks(names: _Column, columns: Sequence[_Column], width: int) -> Iterator[list[_Column]]:
    """Columns in order, as many at once as fit beside the names; a single one that does not is left to be folded."""
    block: list[_Column] = []
    for column in columns:
        if block and 1 + sum(shown.width for shown in (names, *block, column)) > width:
            yield block
            block = []
        block.append(column)
    yield block


def _primaries(comparison: Comparison) -> Iterator[_Column]:
    """A column per task and primary metric, which may be two for a task whose runs do not agree on it."""
    directions = {
        (name, task["primary"]): bool(task["higher_is_better"])
        for run in comparison.runs
        for name, task in run.tasks.items()
    }
    for (name, metric), higher in directions.items():
        scores = [run.tasks.get(name, {}).get(comparison.split, {}).get(metric) for run in comparison.runs]
        yield _numbers(_titled(f"{name}\n{metric}", higher), scores, _score, higher)


def _delta_m(comparison: Comparison) -> _Column:
    """Only means over the same tasks as the baseline's can be the best."""
    runs, tasks = comparison.runs, set(comparison.baseline.delta_m.changes)
    column = _numbers("delta_m", [run.delta_m.percent for run in runs], signed_percent)
    alike = [run.delta_m.percent if set(run.delta_m.changes) == tasks else None for run in runs]
    return _Column(column.title, column.cells, _best(alike, signed_percent, higher=True))


def _numbers(title: str, values: Sequence[Score], show: Callable[[float], str], higher: bool | None = None) -> _Column:
    best = frozenset[int]() if higher is None else _best(values, show, higher=higher)
    return _Column(title, [show(value) if is_number(value) else "-" for value in values], best)


def _best(values: Sequence[Score], show: Callable[[float], str], *, higher: bool) -> frozenset[int]:
    """Rows that show the best value; none if all show the same, such as the only one."""
    shown = {row: show(value) for row, value in enumerate(values) if is_number(value)}
    if len(set(shown.values())) < 2:
        return frozenset()
    there = [value for value in values if is_number(value)]
    winner = show(max(there) if higher else min(there))
    return frozenset(row for row, text in shown.items() if text == winner)


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


def signed_percent(value: float) -> str:
    """A change in percent: +1.2%, and 0.0% without a sign."""
    text = f"{value:+.1f}%"
    return "0.0%" if text in ("+0.0%", "-0.0%") else text
