"""Sentences for values that other YAML readers take for something else."""

from __future__ import annotations

import re

from mstasks.recipe.scalars import ScalarError, resolve_plain
from mstasks.recipe.tree import Node

_NUMBERS = {"integer", "number"}
_SEXAGESIMAL = re.compile(r"[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?")
_SWITCHES = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def trap(node: Node, types: set[str]) -> str:
    """A sentence on why a value is not of the type that was meant; empty if there is nothing to say.

    Args:
        node: The value.
        types: JSON types that would be allowed.
    """
    value = node.value
    if isinstance(value, str):
        return _text_trap(value, types)
    if "string" in types and value is not None and isinstance(value, bool | int | float):
        return "put it in quotes if the text is meant"
    return ""


def _text_trap(text: str, types: set[str]) -> str:
    if "boolean" in types and text.lower() in _SWITCHES:
        return f"write {_SWITCHES[text.lower()]}: yes, no, on and off are texts"
    if "boolean" in types and text.lower() in ("true", "false"):
        return "remove the quotes"
    if not types & _NUMBERS:
        return ""
    if _SEXAGESIMAL.fullmatch(text):
        return "digits with colons are a text, not a number in base 60"
    try:
        meant = resolve_plain(text.replace("_", ""))
    except ScalarError:
        return ""
    if isinstance(meant, bool) or not isinstance(meant, int | float):
        return ""
    return f"write {meant}" if "_" in text else "remove the quotes"
