"""How values and names are spoken of in error messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

_LONGEST = 60
_MOST_NAMES = 40


def shorten(text: str, length: int = _LONGEST) -> str:
    """The text on one line with its middle left out if it is long."""
    shown = text if len(text) <= length else f"{text[: length // 2]}...{text[-(length // 3) :]}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)


def quote(text: str) -> str:
    """The text in single quotes, shortened."""
    return f"'{shorten(text)}'"


def describe(value: Any) -> str:
    """What a value is, for the `what was found` of a message."""
    if value is None:
        return "empty (null)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the text {quote(value)}" if value else "an empty text"
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, Sequence):
        return f"a list of {len(value)}"
    return shorten(repr(value))


def listing(names: Iterable[str]) -> str:
    """Names in a row, the first forty if there are more."""
    every = list(names)
    if len(every) <= _MOST_NAMES:
        return ", ".join(every)
    return f"{', '.join(every[:_MOST_NAMES])} and {len(every) - _MOST_NAMES} more"


def closest(word: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The name that was probably meant, ignoring case; None if none is near."""
    if len(word) > 2 * _LONGEST:  # nothing that long is a typing error, and difflib is quadratic
        return None
    known = {name.lower(): name for name in names}
    near = get_close_matches(word.lower(), known, n=1, cutoff=cutoff)
    return known[near[0]] if near else None


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """``did you mean 'name'?``, empty if no name is near."""
    near = closest(word, names)
    return f"did you mean '{near}'?" if near else ""
