"""Texts of a data set, such as ids and reasons, made fit for a terminal, a JSON file and a list of lines."""

from __future__ import annotations

from collections.abc import Sequence

from mstasks.data.files import printable


def reason(error: Exception) -> str:
    """What an error of a data set says, on one line, with its type unless it is the one that data sets should raise."""
    text = printable(" ".join(str(error).split()))
    if isinstance(error, ValueError | OSError) and text:
        return text
    return f"{type(error).__name__}: {text}".removesuffix(": ")


def few(names: Sequence[str], most: int = 6) -> str:
    """Names with commas between them, the first ones and how many more there are: ``a, b and 3 more``."""
    shown = ", ".join(printable(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def share(part: int, whole: int) -> str:
    """A share as a percentage with enough digits to tell little from nothing: 82 %, 0.04 %, 0 %."""
    if not whole:
        return "-"
    percent = 100 * part / whole
    if percent in (0.0, 100.0) or 1 <= percent <= 99:
        return f"{percent:.0f} %"
    return f"{percent:.1f} %" if percent >= 0.1 else f"{percent:.1g} %"
