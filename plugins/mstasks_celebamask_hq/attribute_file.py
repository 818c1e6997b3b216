"""CelebAMask-HQ-attribute-anno.txt: a count, a line of names, and a row of values for each image."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mstasks import quoted, read_lines
from mstasks_celebamask_hq.layout import image_number

_VALUES = {"1": 1, "-1": -1, "0": 0}
_FIRST_ROW = 3
_MOST_NAMES = 1000


@dataclass(frozen=True, slots=True)
class AttributeTable:
    """What is said about the attributes of images.

    Attributes:
        names: Attribute names in the order of the columns.
        values: int8 (images, attributes): 1 present, -1 absent, 0 not annotated.
    """

    names: tuple[str, ...]
    values: NDArray[np.int8]

    def columns(self, wanted: Sequence[str], path: Path) -> NDArray[np.int8]:
        """The columns of the wanted names, in their order.

        Raises:
            ValueError: If the file lacks one; the text names it.
        """
        lacking = [name for name in wanted if name not in self.names]
        if lacking:
            raise ValueError(
                f"{path}:2: there is no attribute '{lacking[0]}'. Found {', '.join(self.names)}. "
                "`data.attributes` may list those to use."
            )
        return self.values[:, [self.names.index(name) for name in wanted]]


def read_attributes(path: Path, numbers: NDArray[np.int32]) -> AttributeTable:
    """Read the file once, for the images that are there.

    Args:
        path: The file. A row is a file name and a value for each name; any white space separates them.
        numbers: The images, ascending: rows of others are checked and then left out; an image without a row is not
            annotated.

    Raises:
        ValueError: If the file cannot be read, or is not in this format; the text names the line.
    """
    lines = read_lines(path)
    while lines and not lines[-1]:
        lines.pop()
    names = _header(path, lines)
    rows, values = _rows(path, lines, len(names))
    if int(lines[0]) != len(rows):
        raise ValueError(f"{path}:1: the first line announces {int(lines[0])} images. Found {len(rows)} rows.")
    table = np.zeros((len(numbers), len(names)), np.int8)
    place = np.minimum(np.searchsorted(numbers, rows), len(numbers) - 1)
    there = numbers[place] == rows
    table[place[there]] = values[there]
    return AttributeTable(names, table)


def _header(path: Path, lines: Sequence[str]) -> tuple[str, ...]:
    if len(lines) < 2 or not (lines[0].isascii() and lines[0].isdecimal() and len(lines[0]) < 10):
        found = repr(lines[0][:40]) if lines else "an empty file"
        raise ValueError(
            f"{quoted(path)} must start with a line that holds the number of images and one that holds the names of "
            f"the attributes. Found {found} in line 1."
        )
    names = tuple(lines[1].split())
    if not names:
        raise ValueError(f"{path}:2: this line must hold the names of the attributes. Found nothing.")
    if len(names) > _MOST_NAMES:
        raise ValueError(f"{path}:2: this line must hold at most {_MOST_NAMES} names. Found {len(names)}.")
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ValueError(f"{path}:2: the attribute {repeated[0]!r} is named twice.")
    return names


def _rows(path: Path, lines: Sequence[str], width: int) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Numbers of the images and their values, in the order of the file."""
    line_of: dict[int, int] = {}
    values = array("b")
    for line, text in enumerate(lines[_FIRST_ROW - 1 :], _FIRST_ROW):
        name, *row = text.split() or [""]
        number = image_number(name)
        if number is None or not name.endswith(".jpg"):
            raise ValueError(
                f"{path}:{line}: a row must start with the name of an image, such as 12.jpg. Found {name[:40]!r}."
            )
        if number in line_of:
            raise ValueError(f"{path}:{line}: '{name}' has a row in line {line_of[number]} already.")
        if len(row) != width:
            raise ValueError(f"{path}:{line}: a row must hold {width} values, one a name. Found {len(row)}.")
        line_of[number] = line
        try:
            values.extend([_VALUES[value] for value in row])
        except KeyError as error:
            raise ValueError(
                f"{path}:{line}: a value must be 1 (present), -1 (absent) or 0 (not annotated). "
                f"Found {error.args[0][:40]!r}."
            ) from None
    return np.array(list(line_of), np.int32), np.frombuffer(values, np.int8).reshape(len(line_of), width)
