"""Changing a JSON schema everywhere at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

_MAPS = ("properties", "$defs")
_LISTS = ("anyOf", "prefixItems")
_SINGLES = ("items", "additionalProperties", "propertyNames")
_ABOUT = ("title", "description", "default")
_VARIABLE: Schema = {"type": "string", "pattern": r"\$\{[^}]+\}"}


def everywhere(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """A copy in which every schema inside, and then the whole, was changed."""
    new = dict(schema)
    for keyword in _MAPS:
        if keyword in new:
            new[keyword] = {name: everywhere(inner, change) for name, inner in new[keyword].items()}
    for keyword in _LISTS:
        if keyword in new:
            new[keyword] = [everywhere(inner, change) for inner in new[keyword]]
    for keyword in _SINGLES:
        if isinstance(new.get(keyword), dict):
            new[keyword] = everywhere(new[keyword], change)
    return change(new)


def or_variable(schema: Schema) -> Schema:
    """Also allow ``${NAME}`` where no free text is allowed."""
    if not ("enum" in schema or "pattern" in schema or schema.get("type") in ("integer", "number", "boolean")):
        return schema
    about = {key: value for key, value in schema.items() if key in _ABOUT}
    return {**about, "anyOf": [{key: value for key, value in schema.items() if key not in _ABOUT}, _VARIABLE]}


def nothing_required(schema: Schema) -> Schema:
    """Let every key be left out."""
    return {key: value for key, value in schema.items() if key not in ("required", "minProperties")}


def references_renamed(suffix: str) -> Callable[[Schema], Schema]:
    """A change that appends a suffix to every reference."""

    def change(schema: Schema) -> Schema:
        return {**schema, "$ref": f"{schema['$ref']}{suffix}"} if "$ref" in schema else schema

    return change
