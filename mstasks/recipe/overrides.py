"""``key.path=value`` from the command line, on top of what the files say."""

from __future__ import annotations

from collections.abc import Sequence

from mstasks.recipe.compose import compose
from mstasks.recipe.core_keys import section
from mstasks.recipe.errors import Problems
from mstasks.recipe.merge import merge
from mstasks.recipe.normalise import normalise
from mstasks.recipe.scalars import UNPRINTABLE
from mstasks.recipe.tree import (
    COMMAND_LINE,
    Entry,
    Node,
    Place,
    TreePath,
    child,
    dotted,
    is_mapping,
    plain,
    with_child,
)
from mstasks.recipe.wording import describe, quote, shorten

_MOST_PARTS = 16
_LONGEST = 10_000

Override = tuple[TreePath, Node]


def apply_overrides(root: Node, overrides: Sequence[str], problems: Problems) -> Node:
    """Apply overrides in order, those that choose a plugin (`data.dataset=...`) first.

    Each is a recipe of one value that extends what is there: a mapping merges, anything else replaces. Numbers in the
    path index lists.

    Args:
        root: The recipe, short forms written out.
        overrides: Texts ``key.path=value``; the value is YAML.
        problems: Gets what is wrong with them.
    """
    parsed = [override for text in overrides if (override := _parse(text, problems)) is not None]
    # Choosing another data set drops the options of the former one, and must not drop those given beside it.
    for path, value in sorted(parsed, key=lambda override: not _chooses_plugin(override[0])):
        found = _indexed(root, path, value.place, problems)
        if found is not None:
            root = normalise(_put(root, found, value))
    return root


def _parse(text: str, problems: Problems) -> Override | None:
    place = Place(COMMAND_LINE, detail=shorten(text, 80))
    key, sign, value = text.partition("=")
    parts = tuple(part.strip() for part in key.split("."))
    refused = _refused(text, parts if sign else ())
    if refused is not None:
        problems.add(place, *refused)
        return None
    before = Problems()
    node = compose(value, lambda _line, _column: place, before)
    problems.include(before)
    if node is None:
        return None if before else (parts, Node(place, None))
    return parts, node


def _refused(text: str, parts: tuple[str, ...]) -> tuple[str, str] | None:
    """What was found and what is allowed if the text cannot be an override."""
    if not parts or not all(parts):
        return "not an override", "write key.path=value, such as optim.lr=1e-3"
    if len(parts) > _MOST_PARTS or len(text) > _LONGEST or UNPRINTABLE.search(text):
        return "the override is too long or holds control characters", "write it in a file"
    if parts[0] == "extends":
        return "extends cannot be overridden", "name another recipe, or write one that extends"
    return None


def _chooses_plugin(path: TreePath) -> bool:
    names = section(path[:-1])
    return section(path) is not None or (names is not None and path[-1] == names[0])


def _indexed(root: Node, path: TreePath, place: Place, problems: Problems) -> TreePath | None:
    """The path with indices of lists as numbers; None, and a problem, if it leads through something else."""
    found: TreePath = ()
    node: Node | None = root
    for part in path:
        refused = None if node is None else _no_such_child(node, str(part), dotted(found))
        if refused is not None:
            problems.add(place, *refused)
            return None
        key = int(part) if node is not None and isinstance(node.value, tuple) else part
        found = (*found, key)
        node = None if node is None else child(node, key)
    return found


def _no_such_child(node: Node, part: str, name: str) -> tuple[str, str] | None:
    """What was found and what is allowed if nothing can be put under a key of a value."""
    if isinstance(node.value, tuple):
        size = len(node.value)
        allowed = f"an index from 0 to {size - 1}" if size else "write the whole list"
        return None if _is_index(part, size) else (f"{name} is a list of {size}, {quote(part)} is not in it", allowed)
    if node.value is None or is_mapping(node):
        return None
    return f"{name} is {describe(plain(node))} and has no keys", f"set {name} itself"


def _is_index(part: str, size: int) -> bool:
    return part.isascii() and part.isdigit() and len(part) < 6 and int(part) < size


def _put(root: Node, path: TreePath, value: Node) -> Node:
    index = next((position for position, key in enumerate(path) if isinstance(key, int)), None)
    if index is None:
        for key in reversed(path):
            value = Node(value.place, {str(key): Entry(value.place, value)})
        return merge(root, value)
    return _replace(root, path, value)


def _replace(node: Node, path: TreePath, value: Node) -> Node:
    """The tree with the value at a path replaced; mappings that are not there yet are made."""
    if not path:
        return value
    inner = child(node, path[0]) or Node(value.place, {})
    return with_child(node, path[0], _replace(inner, path[1:], value), value.place)
