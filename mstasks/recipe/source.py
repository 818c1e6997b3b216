"""A recipe file's bytes as text, with everything refused that is not plain UTF-8 text of a sensible size."""

from __future__ import annotations

import stat
from pathlib import Path

from mstasks.recipe.errors import Problems
from mstasks.recipe.scalars import UNPRINTABLE
from mstasks.recipe.tree import Place

MAX_BYTES = 128 * 1024
"""Largest recipe file: recipes have one or two kilobytes, and PyYAML needs a second for a few hundred."""

_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def read_text(path: Path, source: str, problems: Problems) -> str | None:
    """Read a recipe file.

    Args:
        path: An existing path.
        source: The path as the user would name it, for messages.
        problems: Gets what is wrong.

    Returns:
        The text without a byte order mark, None if it cannot be read.
    """
    whole = Place(source)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return _refuse(problems, whole, "is a folder", "a recipe is a .yaml file")
        if not stat.S_ISREG(status.st_mode):
            return _refuse(problems, whole, "is not a regular file", "a recipe is a .yaml file")
        if status.st_size > MAX_BYTES:
            size = f"{status.st_size / 1e6:.1f} MB"
            return _refuse(problems, whole, f"the file has {size}", f"a recipe has at most {MAX_BYTES // 1024} KiB")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        return _refuse(problems, whole, f"cannot be read: {error.strerror}", "check the path and its permissions")
    return decode(content, source, problems)


def decode(content: bytes, source: str, problems: Problems) -> str | None:
    """Bytes to text; None, and a problem, if they are not UTF-8 text without control characters."""
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            return _refuse(problems, Place(source, 1, 1), f"the file is {name}", "save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place(content[: error.start].decode("utf-8-sig", errors="replace"), source)
        return _refuse(problems, place, f"byte 0x{content[error.start]:02x} is not UTF-8", "save the file as UTF-8")
    match = UNPRINTABLE.search(text)
    if match is None:
        return text
    place, code = _place(text[: match.start()], source), ord(match.group())
    if code == 0:
        hint = "is it UTF-16?" if text.count("\0") > len(text) // 4 else ""
        return _refuse(problems, place, "a NUL byte", "a recipe is UTF-8 text", hint)
    return _refuse(problems, place, f"the control character U+{code:04X}", "remove it; a recipe is plain text")


def _refuse(problems: Problems, place: Place, found: str, allowed: str, hint: str = "") -> str | None:
    """Add a problem; returns None, which stands for the text that cannot be had."""
    problems.add(place, found, allowed, hint)
    return None


def _place(before: str, source: str) -> Place:
    """The position that follows some text."""
    lines = before.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return Place(source, len(lines), len(lines[-1]) + 1)
