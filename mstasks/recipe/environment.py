"""``${NAME}`` and ``${NAME:-default}`` in the values of a recipe."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace

from mstasks.recipe.errors import Problems
from mstasks.recipe.scalars import UNPRINTABLE, ScalarError, resolve_plain
from mstasks.recipe.tree import Entry, Node
from mstasks.recipe.wording import quote, shorten

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class _RefusedError(Exception):
    """A reference that cannot be replaced: what was found, what is allowed."""


def substitute(node: Node, problems: Problems) -> Node:
    """Replace references in all texts of a tree, not in keys.

    A value that is nothing but one reference, written without quotes, is read again as a YAML scalar (``${N:-3}`` is a
    number); what a variable holds never becomes a mapping or a list. ``$${`` stands for ``${`` itself. A variable that
    is set to nothing counts as not set, as in a shell's ``:-``.

    Args:
        node: Any tree.
        problems: Gets one error a text that cannot be replaced.
    """
    if isinstance(node.value, Mapping):
        entries = {key: Entry(entry.key, substitute(entry.node, problems)) for key, entry in node.value.items()}
        return replace(node, value=entries)
    if isinstance(node.value, tuple):
        return replace(node, value=tuple(substitute(item, problems) for item in node.value))
    if not isinstance(node.value, str) or "${" not in node.value:
        return node
    try:
        return _replaced(node, node.value)
    except _RefusedError as refusal:
        found, allowed = refusal.args
        problems.poison(node.place, found, allowed)
        return replace(node, value=None)


def escape(text: str) -> str:
    """The text as it must be written so that nothing in it is taken for a reference."""
    return text.replace("${", "$${")


def _replaced(node: Node, text: str) -> Node:
    origins: list[str] = []

    def value(match: re.Match[str]) -> str:
        if match.group() == "$${":
            return "${"
        found, origin = _look_up(match)
        origins.append(origin)
        return found

    new = _REFERENCE.sub(value, text)
    place = replace(node.place, variable=", ".join(origins))
    if node.quoted or not origins or not _is_one_reference(text):
        return replace(node, value=new, place=place)
    try:
        return replace(node, value=resolve_plain(new), place=place)
    except ScalarError as error:
        raise _RefusedError(f"{error.found} ({origins[0]})", error.allowed) from error


def _is_one_reference(text: str) -> bool:
    match = _REFERENCE.fullmatch(text)
    return match is not None and match.group() != "$${"


def _look_up(match: re.Match[str]) -> tuple[str, str]:
    """The value of one reference and where it came from."""
    inside = _INSIDE.fullmatch(match[1])
    if not match[2] or inside is None or "${" in match[1]:
        raise _RefusedError(
            f"{quote(match.group())} is not a reference",
            "write ${NAME} or ${NAME:-default} for an environment variable, $${ for the characters themselves",
        )
    name, default = inside[1], inside[2]
    found = os.environ.get(name, "")
    odd = UNPRINTABLE.search(found)
    if odd is not None:
        raise _RefusedError(f"the environment variable {shorten(name)} holds U+{ord(odd.group()):04X}", "plain text")
    if found:
        return found, f"from ${name}"
    if default is None:
        state = "set to nothing" if name in os.environ else "not set"
        raise _RefusedError(
            f"the environment variable {shorten(name)} is {state}",
            f"set it (export {shorten(name)}=...), or write a default: ${{{shorten(name)}:-...}}",
        )
    return default, f"default of ${name}"
