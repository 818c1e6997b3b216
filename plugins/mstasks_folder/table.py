"""Attributes from a CSV file: one row an image, one column an attribute."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from mstasks import open_file, quoted
from mstasks_folder.kinds import AttributeTable
from mstasks_folder.splitting import Find

NO, YES, UNKNOWN = 0, 1, 2
_LARGEST = 64 << 20  # bytes; a line without an end is read as a whole
_CELLS = {"1": YES, "true": YES, "yes": YES, "0": NO, "false": NO, "no": NO, "": UNKNOWN}
_CELLS |= {"1.0": YES, "0.0": NO}  # pandas writes whole numbers so once a cell of their column is empty


@dataclass(frozen=True, slots=True)
class Table:
    """What a CSV file says of the images.

    Attributes:
        rows: By id, one byte a column: `NO`, `YES` or `UNKNOWN`; images about which nothing is said are left out.
        strangers: Rows whose id no image has.
    """

    rows: dict[str, bytes]
    strangers: int


def read_table(path: Path, options: AttributeTable, find: Find) -> Table:
    """Read it.

    Args:
        path: The file.
        options: Its columns.
        find: Finds the image that a row speaks of.

    Raises:
        ValueError: If it is no CSV file in UTF-8, lacks a column, repeats one or an id, holds another cell than those
            allowed or a row of another length, or speaks of no image at all; the text names file, line and column.
    """
    rows = _rows(path, options.delimiter)
    places = _places(path, next(rows, (1, []))[1], options)
    found: dict[str, bytes] = {}
    lines: dict[str, int] = {}
    strangers: list[str] = []
    for line, row in rows:
        text = row[places[0]].strip()
        id = find(text)
        if id is None:
            strangers.append(text)
        elif id in lines:
            raise ValueError(f"{quoted(path)}, line {line}: '{text}' stands in line {lines[id]} already.")
        else:
            lines[id] = line
            cells = [row[place] for place in places[1:]]
            if any(map(str.strip, cells)):
                found[id] = bytes(map(_cell, cells, options.columns, [f"{quoted(path)}, line {line}"] * len(cells)))
    if not lines:
        shown = f"; the first of its {len(strangers)} ids is '{strangers[0]}'" if strangers else ", and no row at all"
        raise ValueError(f"{quoted(path)} has no row with the id of an image in column '{options.id_column}'{shown}.")
    return Table(found, len(strangers))


def _cell(text: str, column: str, where: str) -> int:
    value = _CELLS.get(text.strip().lower())
    if value is None:
        allowed = "allowed: 1, 0, true, false, yes, no, 1.0, 0.0, or nothing where it is not annotated"
        raise ValueError(f"{where}: '{text}' in column '{column}'; {allowed}.")
    return value


def _places(path: Path, header: Sequence[str], options: AttributeTable) -> list[int]:
    """Where in a row the id and the columns stand."""
    names = [name.strip() for name in header]
    for name in (options.id_column, *options.columns):
        if names.count(name) != 1:
            fault = "no column" if name not in names else f"{names.count(name)} columns"
            near = " Perhaps cells are not separated by `delimiter`." if len(names) == 1 else ""
            raise ValueError(f"{quoted(path)} has {fault} '{name}'. It has: {', '.join(names) or 'nothing'}.{near}")
    return [names.index(name) for name in (options.id_column, *options.columns)]


def _rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not empty, with the number of its line; all as long as the first."""
    length = 0
    try:
        with TextIOWrapper(open_file(path), encoding="utf-8-sig", newline="") as file:
            if os.fstat(file.fileno()).st_size > _LARGEST:
                raise ValueError(f"{quoted(path)} is larger than {_LARGEST >> 20} MiB, which no table of labels is.")
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for row in reader:
                if not row:
                    continue
                length = length or len(row)
                if len(row) != length:
                    where = f"{quoted(path)}, line {reader.line_num}"
                    raise ValueError(f"{where}: {len(row)} cells, where the first line has {length}.")
                yield reader.line_num, row
    except UnicodeDecodeError as error:
        raise ValueError(f"{quoted(path)} is not a text file in UTF-8: {error.reason}.") from error
    except (csv.Error, OSError) as error:
        raise ValueError(f"{quoted(path)} cannot be read as CSV: {error}.") from error
