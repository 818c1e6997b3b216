"""A recipe as the document that would be read back as the same recipe."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mstasks.recipe.core_keys import ENTRIES, OPTIONS, STRATEGIES
from mstasks.recipe.environment import escape
from mstasks.recipe.model import Recipe
from mstasks.recipe.scalars import ScalarError, resolve_plain
from mstasks.recipe.tree import TreePath

# Texts that mean themselves in every YAML version and in flow style; all others are quoted.
_PLAIN = re.compile(r"[A-Za-z_/.][A-Za-z0-9_/.-]*")
_TAKEN_FOR_BOOLEANS = frozenset({"y", "n", "yes", "no", "on", "off"})


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the document.

    Attributes:
        text: Its YAML.
        path: What it is about.
        opens: Whether what it is about follows on the next lines.
    """

    text: str
    path: TreePath
    opens: bool


def document(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain data, with every default, and plugins' options beside the core keys as one writes them."""
    plain = recipe.model_dump(mode="json", by_alias=True)
    plain["data"] = _inlined(plain["data"])
    for section in ENTRIES:
        plain[section] = {name: _inlined(entry) for name, entry in plain[section].items()}
    for *outer, key in (map(str, path) for path in STRATEGIES):
        parent = plain[outer[0]] if outer else plain
        if parent is not None:
            parent[key] = _inlined(parent[key])
    return plain


def dump_resolved(recipe: Recipe) -> str:
    """YAML that `load_recipe` reads back as an equal recipe, whatever the environment is then."""
    return "".join(f"{line.text}\n" for line in lines(recipe))


def lines(recipe: Recipe) -> list[Line]:
    """The lines of `dump_resolved`, each with what it is about."""
    return list(_block(document(recipe), (), 0))


def _inlined(section: dict[str, Any]) -> dict[str, Any]:
    options = section.pop(OPTIONS) or {}
    return {**section, **options}


def _block(value: Mapping[str, Any], path: TreePath, indent: int) -> Iterator[Line]:
    for key, inner in value.items():
        start, here = f"{'  ' * indent}{_text(key)}:", (*path, key)
        if isinstance(inner, dict) and inner:
            yield Line(start, here, opens=True)
            yield from _block(inner, here, indent + 1)
        elif isinstance(inner, list) and any(isinstance(item, dict | list) for item in inner):
            yield Line(start, here, opens=True)
            for index, item in enumerate(inner):
                yield Line(f"{'  ' * (indent + 1)}- {_flow(item)}", (*here, index), opens=False)
        else:
            yield Line(f"{start} {_flow(inner)}", here, opens=False)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, float):
        return _number(value)
    return _text(escape(value)) if isinstance(value, str) else json.dumps(value)


def _number(value: float) -> str:
    """A float that YAML 1.1 and 1.2 both read as one: ``1.0e-06``, not ``1e-06``."""
    shown = repr(value)
    return shown.replace("e", ".0e", 1) if "e" in shown and "." not in shown else shown


def _text(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _TAKEN_FOR_BOOLEANS and _is_text(value):
        return value
    return json.dumps(value, ensure_ascii=False)  # JSON's strings are YAML's double-quoted ones


def _is_text(value: str) -> bool:
    try:
        return isinstance(resolve_plain(value), str)
    except ScalarError:
        return False
