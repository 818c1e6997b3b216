"""Tables and JSON on stdout. A table is drawn on a terminal; elsewhere it is plain, complete lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Sequence
from typing import Any

import rich_click as click


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str | None = None,
    numbers: Collection[str] = (),
    marks: Collection[tuple[int, int]] = (),
) -> None:
    """Print a table.

    Args:
        columns: Headings; a line break in one is kept on a terminal, and is a space elsewhere.
        rows: As many cells each.
        title: Stands above it.
        numbers: Columns that are aligned to the right.
        marks: Cells that stand out, by row and column: bold on a terminal, elsewhere with a ``*`` behind.
    """
    if sys.stdout.isatty():
        _draw(columns, rows, title, numbers, marks)
        return
    if title:
        click.echo(title)
    right = [column in numbers for column in columns]
    headings = [column.replace("\n", " ") for column in columns]
    lines = _starred([headings, *rows], {(row + 1, column) for row, column in marks})
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for row in lines:
        cells = [
            cell.rjust(width) if to_the_right else cell.ljust(width)
            for to_the_right, cell, width in zip(right, row, widths, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def _starred(lines: Sequence[Sequence[str]], marks: Collection[tuple[int, int]]) -> list[list[str]]:
    """The lines with a ``*`` behind marked cells and a space behind the others of their columns, to align digits."""
    room = {column for _, column in marks}
    return [
        [cell + ("*" if (at, column) in marks else " " * (column in room)) for column, cell in enumerate(line)]
        for at, line in enumerate(lines)
    ]


def _draw(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: str | None,
    numbers: Collection[str],
    marks: Collection[tuple[int, int]],
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", justify="right" if column in numbers else "left")
    for at, row in enumerate(rows):
        table.add_row(*(Text(cell, "bold" if (at, column) in marks else "") for column, cell in enumerate(row)))
    Console().print(table)


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
