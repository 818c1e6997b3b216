"""Tables and JSON on stdout. A table is drawn on a terminal; elsewhere it is plain, complete lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Sequence
from typing import Any

import rich_click as click


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None, numbers: Collection[str] = ()
) -> None:
    """Print a table.

    Args:
        columns: Headings.
        rows: As many cells each.
        title: Stands above it.
        numbers: Columns that are aligned to the right.
    """
    if sys.stdout.isatty():
        _draw(columns, rows, title, numbers)
        return
    if title:
        click.echo(title)
    widths = [max(len(row[index]) for row in [columns, *rows]) for index in range(len(columns))]
    for row in [columns, *rows]:
        cells = [
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None, numbers: Collection[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", justify="right" if column in numbers else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
