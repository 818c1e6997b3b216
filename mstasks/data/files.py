"""Opening files that someone else made: what is no ordinary file is refused with its name, never waited for."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import BinaryIO


def quoted(path: Path) -> str:
    """The path in quotes for an error message; what a terminal cannot show, such as bytes without meaning, escaped."""
    return "'" + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path)) + "'"


def open_file(path: Path) -> BinaryIO:
    """Open a regular file, or a link to one, for reading.

    Raises:
        ValueError: If it is not there, is a folder, a pipe or a device, or may not be read; the text names it.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ValueError(f"{quoted(path)} is a folder, where a file is expected.")
        if not stat.S_ISREG(mode):
            raise ValueError(f"{quoted(path)} is a pipe, a socket or a device, where a file is expected.")
        return path.open("rb")
    except FileNotFoundError:
        raise ValueError(f"There is no {quoted(path)}.") from None
    except OSError as error:
        raise ValueError(f"{quoted(path)} cannot be opened: {error.strerror}.") from error


def read_lines(path: Path) -> list[str]:
    """The lines of a text file in UTF-8, with or without a byte order mark, stripped of white space at both ends.

    Raises:
        ValueError: If the file cannot be opened or is not text.
    """
    with open_file(path) as file:
        content = file.read(_LONGEST + 1)
    if len(content) > _LONGEST:
        raise ValueError(f"{quoted(path)} is larger than {_LONGEST >> 20} MiB, which no list of ids or labels is.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{quoted(path)} is not a text file in UTF-8: {error.reason} at byte {error.start}."
        ) from error
    if "\0" in text:
        raise ValueError(f"{quoted(path)} is not a text file: it holds a zero byte.")
    return [line.strip() for line in text.splitlines()]


_LONGEST = 64 << 20


def read_ids(path: Path) -> tuple[str, ...]:
    """The ids that a text file lists, one a line; empty lines are skipped.

    Raises:
        ValueError: If the file cannot be read, lists nothing, repeats an id, or holds one that is no file name.
    """
    seen: dict[str, int] = {}
    for number, id in enumerate(read_lines(path), 1):
        if not id:
            continue
        if id in seen:
            raise ValueError(f"{path}:{number}: the id '{id}' stands in line {seen[id]} already.")
        if Path(id).name != id or "\\" in id:
            raise ValueError(f"{path}:{number}: an id must be a file name without folders. Found '{id}'.")
        seen[id] = number
    if not seen:
        raise ValueError(f"{quoted(path)} lists no ids.")
    return tuple(seen)
