"""Short forms of a recipe written out, so that everything after sees one form."""

from __future__ import annotations

from dataclasses import replace

from mstasks.recipe.core_keys import ENTRIES, STRATEGIES
from mstasks.recipe.tree import Entry, Node, TreePath, child, mapping, text, with_child


def normalise(root: Node) -> Node:
    """Write short forms out.

    ``loss_weighting: fixed`` becomes ``{name: fixed}``, the other strategies and a task's ``head: aspp`` likewise;
    augmentations become ``{ClassName: {}}``. A task without anything (null) stays null: in a recipe that extends
    another it removes the task.
    """
    for path in STRATEGIES:
        root = _strategy(root, path)
    data = child(root, "data")
    augment = None if data is None else child(data, "augment")
    if data is not None and augment is not None and isinstance(augment.value, tuple):
        items = tuple(_transform(item) for item in augment.value)
        root = with_child(root, "data", with_child(data, "augment", replace(augment, value=items)))
    for section in ENTRIES:
        entries = child(root, section)
        if entries is not None:
            for key, entry in mapping(entries).items():
                entries = with_child(entries, key, _named(entry.node, "head"))
            root = with_child(root, section, entries)
    return root


def fill_tasks(root: Node) -> Node:
    """Turn tasks without anything, and an `unseen` without any, into empty mappings."""
    for section in ENTRIES:
        entries = child(root, section)
        if entries is None:
            continue
        if entries.value is None and section == "unseen":
            entries = replace(entries, value={})
        for key, entry in mapping(entries).items():
            if entry.node.value is None:
                entries = with_child(entries, key, replace(entry.node, value={}))
        root = with_child(root, section, entries)
    return root


def _strategy(root: Node, path: TreePath) -> Node:
    """The same recipe with the strategy at a path, of one key or two, in its long form."""
    *outer, key = map(str, path)
    if not outer:
        return _named(root, key)
    parent = child(root, outer[0])
    return root if parent is None else with_child(root, outer[0], _named(parent, key))


def _named(node: Node, key: str) -> Node:
    """The same mapping with ``key: name`` written as ``key: {name: name}``."""
    value = child(node, key)
    if value is None or text(value) is None:
        return node
    return with_child(node, key, Node(value.place, {"name": Entry(value.place, value)}))


def _transform(item: Node) -> Node:
    name = text(item)
    if name is not None:
        return Node(item.place, {name: Entry(item.place, Node(item.place, {}))})
    for key, entry in mapping(item).items():
        if entry.node.value is None:
            item = with_child(item, key, replace(entry.node, value={}))
    return item
