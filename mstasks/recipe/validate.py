"""A part of a recipe against a pydantic model, with pydantic's errors in our words and at their places."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mstasks.options import Options
from mstasks.recipe.allowed import Schema, choices, described, in_words, keys_at, schema_at, tags_at, types_at
from mstasks.recipe.errors import Problems
from mstasks.recipe.traps import trap
from mstasks.recipe.tree import Node, TreePath, at, child, dotted, key_place, mapping, plain, value_place
from mstasks.recipe.wording import describe, did_you_mean, listing, quote

Model = TypeVar("Model", bound=Options)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the recipe to be validated.

    Attributes:
        root: The whole recipe, for places.
        node: The mapping to be validated; may hold less than what the recipe has there.
        path: Where in the recipe it is.
        beside: Further keys that may be written there, listed first when a key is unknown.
        subject: What messages call it when they speak of its keys; empty for its path.
    """

    root: Node
    node: Node
    path: TreePath = ()
    beside: Sequence[str] = ()
    subject: str = ""

    @property
    def name(self) -> str:
        """What messages call it when they speak of its keys."""
        return self.subject or dotted(self.path)


def validate(model: type[Model], part: Part, folder: Path, problems: Problems) -> Model | None:
    """Validate and build.

    Args:
        model: A model whose paths resolve against `folder`.
        part: What to validate.
        folder: The recipe's folder.
        problems: Gets every error.

    Returns:
        The instance, None if there was an error.
    """
    try:
        # JSON mode is strict about types, and still lets a list be a tuple and a text a path.
        context = {"folder": folder, "tasks": list(mapping(at(part.root, ("tasks",)))) or None}
        return model.model_validate_json(json.dumps(plain(part.node)), context=context)
    except ValidationError as error:
        _Report(model, part, problems).errors(error)
    except Exception as error:
        shown = f"{model.__name__} failed on it with {type(error).__name__}: {' '.join(str(error).split())}"
        problems.add(value_place(part.root, part.path), shown, "change the value, or mend the plugin")
    return None


class _Report:
    """Translates the errors of one model."""

    def __init__(self, model: type[Options], part: Part, problems: Problems) -> None:
        self._part = part
        self._problems = problems
        self._schema = _schema(model)
        self._written = plain(part.node)

    def errors(self, error: ValidationError) -> None:
        """Add one problem a place: the alternatives of a union fail together."""
        seen: set[tuple[TreePath, bool]] = set()
        around: set[TreePath] = set()  # of what was seen
        for detail in error.errors(include_url=False):
            inner = self._inner(detail)
            missing = detail["type"] == "missing"
            if (inner, missing) not in seen and inner not in around:
                seen.add((inner, missing))
                around |= {inner[:length] for length in range(1, len(inner))}
                self._add(detail, inner)

    def _inner(self, detail: ErrorDetails) -> TreePath:
        """Pydantic's location as a path of the recipe: without the names of union members."""
        path: TreePath = ()
        location = detail["loc"]
        for key in location:
            node = at(self._part.node, path)
            last_missing = detail["type"] == "missing" and key is location[-1]
            if node is not None and (last_missing or child(node, key) is not None):
                path = (*path, key)
        return path

    def _add(self, detail: ErrorDetails, inner: TreePath) -> None:
        path = (*self._part.path, *inner)
        if detail["type"] == "missing":
            self._missing(path, inner)
        elif detail["type"] == "extra_forbidden":
            self._unknown_key(path, inner)
        elif detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
            self._wrong_tag(path, inner, detail["ctx"]["discriminator"].strip("'"))
        elif detail["loc"] and detail["loc"][-1] == "[key]":
            rule = _own_words(detail).replace("String should", "names")
            found = f"the name {quote(str(inner[-1]))} in {self._name(path[:-1])}"
            self._problems.add(key_place(self._part.root, path), found, rule)
        else:
            self._wrong_value(detail, path, inner)

    def _missing(self, path: TreePath, inner: TreePath) -> None:
        place = key_place(self._part.root, path[:-1]) if path[:-1] else self._part.root.place
        schema = schema_at(self._schema, inner, self._written) or {}
        about = described(self._schema, schema) or in_words(self._schema, schema)
        self._problems.add(place, f"{dotted(path)} is missing", f"needed: {about.rstrip('.')}")

    def _wrong_tag(self, path: TreePath, inner: TreePath, key: str) -> None:
        """The key that chooses among alternatives is missing, or chooses none."""
        tags = tags_at(self._schema, inner, key)
        node = at(self._part.root, (*path, key))
        allowed = f"allowed: one of {listing(map(quote, tags))}"
        if node is None:
            self._problems.add(key_place(self._part.root, path), f"{dotted((*path, key))} is missing", allowed)
            return
        hint = did_you_mean(node.value, tags) if isinstance(node.value, str) else ""
        self._problems.add(node.place, f"{dotted((*path, key))} is {describe(plain(node))}", allowed, hint)

    def _unknown_key(self, path: TreePath, inner: TreePath) -> None:
        declared = keys_at(self._schema, inner[:-1], self._written)
        names = declared if inner[:-1] else [*self._part.beside, *declared]
        where = self._name(path[:-1])
        found = f"unknown key {quote(str(path[-1]))}" + (f" in {where}" if where else "")
        allowed = f"allowed: {listing(names)}" if names else "no key is allowed there"
        self._problems.add(key_place(self._part.root, path), found, allowed, did_you_mean(str(path[-1]), names))

    def _wrong_value(self, detail: ErrorDetails, path: TreePath, inner: TreePath) -> None:
        if not inner:
            found = f"{self._name(path) or 'the recipe'} does not fit together"
            self._problems.add(key_place(self._part.root, path), found, _own_words(detail))
            return
        node = at(self._part.root, path) or self._part.node
        schema = schema_at(self._schema, inner, self._written)
        types = types_at(self._schema, inner, self._written)
        own = detail["type"] in ("value_error", "assertion_error") or not schema
        allowed = _own_words(detail) if own else f"allowed: {self._allowed(schema or {})}"
        found = f"{dotted(path)} is {describe(plain(node))}"
        hint = trap(node, types) or self._choice(node, schema)
        self._problems.add(value_place(self._part.root, path), found, allowed, hint)

    def _allowed(self, schema: Schema) -> str:
        """What is allowed; what a text must match is better said by its description."""
        about: str = schema.get("description", "") if "pattern" in schema else ""
        return about.rstrip(".") or in_words(self._schema, schema)

    def _choice(self, node: Node, schema: Schema | None) -> str:
        listed = choices(self._schema, schema or {})
        return did_you_mean(node.value, listed) if isinstance(node.value, str) else ""

    def _name(self, path: TreePath) -> str:
        return self._part.name if path == self._part.path else dotted(path)


def _own_words(detail: ErrorDetails) -> str:
    """What a validator of the model said itself."""
    return detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ").rstrip(".")


def _schema(model: type[Options]) -> dict[str, Any]:
    """The model's JSON schema; empty if a plugin's model has none."""
    try:
        return model.model_json_schema()
    except Exception:
        return {}
