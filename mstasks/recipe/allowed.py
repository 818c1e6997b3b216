"""What a field allows, in words, read from the JSON schema of its pydantic model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mstasks.recipe.tree import TreePath
from mstasks.recipe.wording import listing

Schema = dict[str, Any]

_MANY = {"array": "a list", "object": "a mapping", "string": "a text", "boolean": "true or false", "null": "null"}


def schema_at(root: Schema, path: TreePath, written: Any = None) -> Schema | None:
    """The part of a schema that is about the value at a path; None if the schema says nothing about it.

    Args:
        root: The schema of the whole.
        path: Where to look.
        written: The whole value, whose tags choose among alternatives.
    """
    found: list[Schema] = [root]
    for key in path:
        found = [inner for schema in found for inner in _step(root, schema, key, written)]
        written = _inside(written, key)
    return found[0] if found else None


def keys_at(root: Schema, path: TreePath, written: Any = None) -> list[str]:
    """The keys that the mapping at a path may have, as far as they are declared; arguments as for `schema_at`."""
    schema = schema_at(root, path, written)
    if schema is None:
        return []
    for key in path:
        written = _inside(written, key)
    branches = _chosen(root, schema, written)
    return list(dict.fromkeys(key for branch in branches for key in branch.get("properties", {})))


def in_words(root: Schema, schema: Schema) -> str:
    """What a schema allows: ``a whole number of at least 1``, ``'a', 'b' or null``."""
    branches = _branches(root, schema)
    spoken = list(dict.fromkeys(_branch_in_words(root, branch) for branch in branches))
    return spoken[0] if len(spoken) == 1 else f"{', '.join(spoken[:-1])} or {spoken[-1]}"


def described(root: Schema, schema: Schema) -> str:
    """The description of a schema or of what it refers to; may be empty."""
    own: str = schema.get("description") or _branches(root, schema)[0].get("description", "")
    return own


def choices(root: Schema, schema: Schema) -> list[str]:
    """The texts that a schema lists one by one, in all its alternatives."""
    listed = [[branch["const"]] if "const" in branch else branch.get("enum", []) for branch in _branches(root, schema)]
    return [choice for alternative in listed for choice in alternative if isinstance(choice, str)]


def tags_at(root: Schema, path: TreePath, key: str) -> list[str]:
    """The values of a key by which the alternatives for the mapping at a path are told apart."""
    branches = _branches(root, schema_at(root, path) or {})
    return [branch["properties"][key]["const"] for branch in branches if key in branch.get("properties", {})]


def types_at(root: Schema, path: TreePath, written: Any = None) -> set[str]:
    """JSON types that the value at a path may have; arguments as for `schema_at`."""
    schema = schema_at(root, path, written)
    return set() if schema is None else {branch.get("type", "") for branch in _branches(root, schema)}


def _inside(written: Any, key: str | int) -> Any:
    """What a mapping or list holds at a key, None if that is not there."""
    try:
        return written[key]
    except (KeyError, IndexError, TypeError):
        return None


def _chosen(root: Schema, schema: Schema, written: Any) -> list[Schema]:
    """The alternatives whose constants are those of a written mapping; all if its tag is none of theirs."""
    branches = _branches(root, schema)
    if not isinstance(written, Mapping):
        return branches
    return [
        branch
        for branch in branches
        if all(inner.get("const", written.get(key)) == written.get(key) for key, inner in _properties(branch))
    ] or branches


def _properties(branch: Schema) -> Iterable[tuple[str, Schema]]:
    properties: Mapping[str, Schema] = branch.get("properties", {})
    return properties.items()


def _step(root: Schema, schema: Schema, key: str | int, written: Any) -> list[Schema]:
    found = []
    for branch in _chosen(root, schema, written):
        if isinstance(key, int):
            items = branch.get("prefixItems", [])
            inner = items[key] if key < len(items) else branch.get("items")
        else:
            open_ended = [*branch.get("patternProperties", {}).values(), branch.get("additionalProperties")]
            inner = branch.get("properties", {}).get(key, open_ended[0])
        if isinstance(inner, dict):
            found.append(inner)
    return found


def _branches(root: Schema, schema: Schema) -> list[Schema]:
    """The alternatives of a schema, references followed."""
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if not alternatives:
        return [schema]
    return [branch for alternative in alternatives for branch in _branches(root, alternative)]


def _branch_in_words(root: Schema, schema: Schema) -> str:
    if "const" in schema:
        return _literal(schema["const"])
    if "enum" in schema:
        choices = [_literal(choice) for choice in schema["enum"]]
        return choices[0] if len(choices) == 1 else f"one of {listing(choices)}"
    kind = schema.get("type", "")
    if kind in ("integer", "number"):
        return f"{'a whole number' if kind == 'integer' else 'a number'}{_range(schema)}"
    if kind == "array":
        return _list_in_words(root, schema)
    if kind == "string":
        return "a path" if schema.get("format") == "path" else f"a text{_text_rule(schema)}"
    if kind == "object" and schema.get("minProperties") == schema.get("maxProperties") == 1:
        return "a mapping with exactly one key"
    if kind == "object" and schema.get("minProperties"):
        return "a mapping with at least one key"
    return _MANY.get(kind, "another value")


def _text_rule(schema: Schema) -> str:
    if "pattern" in schema:
        return f" that matches {schema['pattern']}"
    return " that is not empty" if schema.get("minLength") else ""


def _list_in_words(root: Schema, schema: Schema) -> str:
    items = schema.get("prefixItems")
    if items:
        every = [in_words(root, item) for item in items]
        same = f", each {every[0]}" if len(set(every)) == 1 else f": {', '.join(every)}"
        return f"a list of {len(items)}{same}"
    inner = schema.get("items")
    length = f" of at least {schema['minItems']}" if "minItems" in schema else ""
    return f"a list{length}, each item {in_words(root, inner)}" if inner else f"a list{length}"


def _range(schema: Schema) -> str:
    low = [f" of at least {schema['minimum']}"] if "minimum" in schema else []
    low += [f" greater than {schema['exclusiveMinimum']}"] if "exclusiveMinimum" in schema else []
    high = [f"at most {schema['maximum']}"] if "maximum" in schema else []
    high += [f"below {schema['exclusiveMaximum']}"] if "exclusiveMaximum" in schema else []
    if low and high:
        return f"{low[0]} and {high[0]}"
    return low[0] if low else f" {high[0]}" if high else ""


def _literal(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
