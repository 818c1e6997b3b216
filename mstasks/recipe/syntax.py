"""PyYAML's syntax errors in words that say what to do."""

from __future__ import annotations

from collections.abc import Callable

import yaml

from mstasks.recipe.errors import Problems
from mstasks.recipe.tree import Place

_OPEN_QUOTE = "found unexpected end of stream"
_ADVICE = (
    ("'\\t'", "indent with spaces, not tabs"),
    (
        "mapping values are not allowed here",
        "put a text that holds ': ' in quotes, put a space after every colon, and check the indentation",
    ),
    ("could not find expected ':'", "write `key: value`, with a space after the colon"),
    ("cannot start any token", "put a text that starts with this character in quotes"),
    (_OPEN_QUOTE, "the quote that starts here is not closed"),
    ("expected the node content", "a value is missing, or a bracket is not closed"),
    ("found unknown escape character", "use single quotes where a backslash is meant as it is"),
    ("expected ',' or '}'", "close the mapping with '}', and put commas between its entries"),
    ("expected ',' or ']'", "close the list with ']', and put commas between its items"),
    ("expected <block end>", "check the indentation: entries of one mapping start in the same column"),
)


def explain(error: yaml.MarkedYAMLError, text: str, locate: Callable[[int, int], Place], problems: Problems) -> None:
    """Add a syntax error, with advice where the cause is a common one."""
    problem = error.problem or error.context or "unreadable"
    mark, start = error.problem_mark or error.context_mark, error.context_mark
    if problem == _OPEN_QUOTE:
        mark = start or mark
    place = locate(0, 0) if mark is None else locate(mark.line, mark.column)
    lines = text.splitlines()
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else ""
    if "${" in line and ("expected ',' or" in problem or "expected the node content" in problem):
        advice = 'inside {...} and [...] a variable is written in quotes: "${NAME}"'
    else:
        advice = next((advice for sign, advice in _ADVICE if sign in problem), "")
    inside = "" if start is None or locate(start.line, start.column) == place else f" in what starts at {_short(start)}"
    problems.add(place, f"not valid YAML: {problem}{inside}", advice)


def _short(mark: yaml.Mark) -> str:
    return f"{mark.line + 1}:{mark.column + 1}"
