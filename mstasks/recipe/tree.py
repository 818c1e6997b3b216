"""What was read from recipes: plain values that remember where each of them was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

Scalar = str | int | float | bool | None
Key = str | int
TreePath = tuple[Key, ...]

COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written.

    Attributes:
        source: The file as the user would name it, or ``"command line"``.
        line: From 1; 0 if the source has no lines or is meant as a whole.
        column: From 1, in characters; 0 likewise.
        detail: What was typed, for the command line.
        variable: Where an environment variable decided the value: ``"from $NAME"`` or ``"default of $NAME"``.
        folder: The folder of the file, None for the command line.
    """

    source: str
    line: int = 0
    column: int = 0
    detail: str = ""
    variable: str = ""
    folder: Path | None = field(default=None, compare=False)

    @property
    def origin(self) -> str:
        """What `mstasks show` prints: ``file.yaml:12:3``, ``file.yaml:12:3 (from $NAME)`` or ``command line``."""
        where = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        return f"{where} ({self.variable})" if self.variable else where

    def __str__(self) -> str:
        """How an error message begins."""
        if self.detail:
            return f"{self.source}: {self.detail}"
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place. Mappings and sequences hold nodes.

    Attributes:
        place: Where it was written.
        value: A scalar, a mapping of `Entry` by key, or a tuple of nodes.
        quoted: Whether a scalar was written in quotes or as a block, and hence is text whatever it looks like.
    """

    place: Place
    value: Scalar | Mapping[str, Entry] | tuple[Node, ...]
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping: where the key was written, and its value."""

    key: Place
    node: Node


def mapping(node: Node | None) -> Mapping[str, Entry]:
    """The entries of a mapping; empty for anything else."""
    return node.value if node is not None and isinstance(node.value, Mapping) else {}


def is_mapping(node: Node | None) -> bool:
    """Whether there is a node and it is a mapping."""
    return node is not None and isinstance(node.value, Mapping)


def child(node: Node, key: Key) -> Node | None:
    """The value under a key or an index, None if there is none."""
    if isinstance(key, str):
        entry = mapping(node).get(key)
        return None if entry is None else entry.node
    if isinstance(node.value, tuple) and 0 <= key < len(node.value):
        return node.value[key]
    return None


def at(node: Node, path: TreePath) -> Node | None:
    """The value at a path, None if there is none."""
    found: Node | None = node
    for key in path:
        found = None if found is None else child(found, key)
    return found


def key_place(root: Node, path: TreePath) -> Place:
    """Where the last key of a path was written; of the nearest thing around it if it was not written."""
    for length in range(len(path), 0, -1):
        parent, key = at(root, path[: length - 1]), path[length - 1]
        if parent is not None and isinstance(key, str) and key in mapping(parent):
            return mapping(parent)[key].key
        found = None if parent is None else child(parent, key)
        if found is not None:
            return found.place
    return root.place


def value_place(root: Node, path: TreePath) -> Place:
    """Where the value at a path was written; of the nearest thing around it if it was not written."""
    found = at(root, path)
    return key_place(root, path) if found is None else found.place


def text(node: Node | None) -> str | None:
    """The value if it is text."""
    return node.value if node is not None and isinstance(node.value, str) else None


def count(node: Node | None, default: int) -> int | None:
    """The value if it is a whole number of at least 1, the default if nothing is written; else None."""
    if node is None:
        return default
    return node.value if isinstance(node.value, int) and not isinstance(node.value, bool) and node.value > 0 else None


def plain(node: Node) -> Any:
    """The value without places: dicts, lists and scalars."""
    if isinstance(node.value, Mapping):
        return {key: plain(entry.node) for key, entry in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(item) for item in node.value]
    return node.value


def with_child(node: Node, key: Key, new: Node, key_at: Place | None = None) -> Node:
    """The same mapping or sequence with one value put in or replaced."""
    if isinstance(key, int):
        assert isinstance(node.value, tuple)
        return replace(node, value=(*node.value[:key], new, *node.value[key + 1 :]))
    entries = mapping(node)
    where = entries[key].key if key in entries else key_at or new.place
    return replace(node, value={**entries, key: Entry(where, new)})


def only(node: Node, keys: frozenset[str]) -> Node:
    """The same mapping with none but these keys; anything else unchanged."""
    if not is_mapping(node):
        return node
    return replace(node, value={key: entry for key, entry in mapping(node).items() if key in keys})


def without(node: Node, keys: frozenset[str]) -> Node:
    """The same mapping without these keys; anything else unchanged."""
    return only(node, frozenset(mapping(node)) - keys)


def leaves(node: Node, path: TreePath = ()) -> Iterator[tuple[TreePath, Node]]:
    """Scalars with their paths, in order."""
    if isinstance(node.value, Mapping):
        for key, entry in node.value.items():
            yield from leaves(entry.node, (*path, key))
    elif isinstance(node.value, tuple):
        for index, item in enumerate(node.value):
            yield from leaves(item, (*path, index))
    else:
        yield path, node


def dotted(path: TreePath) -> str:
    """A path as the command line writes it: ``data.augment.0``."""
    return ".".join(map(str, path))
