"""Opening files that someone else made: what is no ordinary file is refused with its name, never waited for."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

_LONGEST, _MOST_LINES = 32 << 20, 2_000_000
_LONGEST_REASON = 300
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def quoted(path: Path | str) -> str:
    """A path in quotes for an error message; what a terminal cannot show, such as bytes without meaning, escaped."""
    return f"'{printable(str(path))}'"


def reason(error: Exception) -> str:
    """Why a file could not be decoded: what the decoder says, if it says anything, in one line without a full stop."""
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    text = printable(" ".join(str(error).split()))
    text = text.rstrip(".") if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}..."
    if isinstance(error, (OSError, SyntaxError, ValueError)) and any(character.isalpha() for character in text):
        return text
    return f"the decoder failed with {type(error).__name__}{text and ': '}{text}"


def printable(text: str) -> str:
    """The text on one line that any terminal shows: line ends, bytes without meaning and the like are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def open_file(path: Path) -> BinaryIO:
    """Open a regular file, or a link to one, for reading.

    Raises:
        ValueError: If it is not there, is a folder, a pipe or a device, or may not be read; the text names it.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            # Should a pipe take its place in this moment, nobody waits for what it brings.
            return os.fdopen(os.open(path, _FLAGS), "rb")
    except FileNotFoundError:
        raise ValueError(f"There is no {quoted(path)}.") from None
    except OSError as error:
        raise ValueError(f"{quoted(path)} cannot be opened: {error.strerror or reason(error)}.") from error
    except ValueError as error:  # a zero byte, or half of a character
        raise ValueError(f"{quoted(path)} cannot be the name of a file: {reason(error)}.") from error
    what = "a folder" if stat.S_ISDIR(mode) else "a pipe, a socket or a device"
    raise ValueError(f"{quoted(path)} is {what}, where a file is expected.")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file in UTF-8, with or without a byte order mark, stripped of white space at both ends.

    Raises:
        ValueError: If the file cannot be opened, is not text, or is larger than 32 MiB or two million lines.
    """
    with open_file(path) as file:
        try:
            content = file.read(_LONGEST + 1)
        except OSError as error:
            raise ValueError(f"{quoted(path)} cannot be read: {reason(error)}.") from error
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if len(content) > _LONGEST or content.count(b"\n") > _MOST_LINES:
        most = f"{_LONGEST >> 20} MiB or {_MOST_LINES:,} lines"
        raise ValueError(f"{quoted(path)} is larger than {most}, which no list of ids or labels is.")
    return [_line(raw, number, path) for number, raw in enumerate(io.BytesIO(content), 1)]


def _line(raw: bytes, number: int, path: Path) -> str:
    try:
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{quoted(path)} is not a text file in UTF-8: line {number}, {error.reason}.") from error
    if "\0" in text:
        raise ValueError(f"{quoted(path)} is not a text file: line {number} holds a zero byte.")
    return text.strip()


def read_ids(path: Path) -> tuple[str, ...]:
    """The ids that a text file lists, one a line; empty lines are skipped.

    Raises:
        ValueError: If the file cannot be read, lists nothing, repeats an id, or holds one that is no file name.
    """
    seen: dict[str, int] = {}
    for number, id in enumerate(read_lines(path), 1):
        if not id:
            continue
        place = f"{printable(str(path))}:{number}"
        if id in seen:
            raise ValueError(f"{place}: the id {quoted(id)} stands in line {seen[id]} already.")
        if id == ".." or Path(id).name != id or "\\" in id:
            raise ValueError(f"{place}: an id must be a file name without folders. Found {quoted(id[:300])}.")
        seen[id] = number
    if not seen:
        raise ValueError(f"{quoted(path)} lists no ids.")
    return tuple(seen)
