"""What a plain (unquoted) YAML scalar means: YAML 1.2's core schema, minus what would surprise.

YAML 1.1, which PyYAML resolves by default, reads ``1e-3`` as text, ``no`` as false, ``1:30`` as 90, ``010`` as 8 and
``2020-01-01`` as a date. Here ``1e-3`` is a number, ``no``, ``1:30`` and dates are text, and ``010`` is refused.
"""

from __future__ import annotations

import re

from mstasks.recipe.tree import Scalar
from mstasks.recipe.wording import quote

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_PREFIXED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MOST_DIGITS = 300  # a double ends near 1e308
# What YAML's own character set leaves out, and the line ends that editors do not show as such.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


class ScalarError(ValueError):
    """A plain scalar that is refused.

    Attributes:
        found: What was found.
        allowed: What to write instead.
    """

    def __init__(self, found: str, allowed: str) -> None:
        super().__init__(f"{found}; {allowed}")
        self.found = found
        self.allowed = allowed


def resolve_plain(text: str) -> Scalar:
    """The value of a plain scalar.

    Raises:
        ScalarError: If it is not finite, has leading zeros or too many digits.
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return _whole(text)
    if _PREFIXED.fullmatch(text):
        return int(_not_too_long(text), 0)
    if _NOT_FINITE.fullmatch(text):
        raise ScalarError(f"{text} is not a finite number", "numbers in a recipe are finite")
    return _fraction(text) if _FLOAT.fullmatch(text) else text


def _whole(text: str) -> int:
    digits = _not_too_long(text).lstrip("+-")
    if len(digits) > 1 and digits.startswith("0"):
        raise ScalarError(
            f"{text} has leading zeros, which some readers take for base 8",
            f"write {digits.lstrip('0') or '0'} for the number, or '{text}' in quotes for the text",
        )
    return int(text)


def _fraction(text: str) -> float:
    number = float(_not_too_long(text))
    if abs(number) == float("inf"):
        raise ScalarError(f"{text} is larger than any number a computer calculates with", "numbers are finite")
    return number


def _not_too_long(text: str) -> str:
    if len(text) > _MOST_DIGITS:
        raise ScalarError(f"the number {quote(text)} has {len(text)} characters", f"at most {_MOST_DIGITS} make sense")
    return text
