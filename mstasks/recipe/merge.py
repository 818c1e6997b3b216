"""What a recipe changes in the one that it extends."""

from __future__ import annotations

from mstasks.recipe.core_keys import ENTRIES, TARGET, section
from mstasks.recipe.tree import COMMAND_LINE, Entry, Node, TreePath, child, is_mapping, mapping, only, text


def merge(base: Node, new: Node, path: TreePath = ()) -> Node:
    """Mappings merge key by key, scalars and lists replace.

    Three exceptions. A null task removes the inherited one. Where a section names another plugin than before (another
    data set, another task under the same key, another strategy), the inherited options of the former go with it. And a
    target replaces the inherited one, for there can be but one.

    Args:
        base: What is inherited.
        new: What is written on top.
        path: Where in the recipe both are.
    """
    if not (is_mapping(base) and is_mapping(new)):
        return new
    base = _without_other_target(_without_foreign_options(base, new, path), new, path)
    merged = dict(mapping(base))
    for key, entry in mapping(new).items():
        before = merged.get(key)
        if before is None:
            merged[key] = entry
        elif len(path) == 1 and path[0] in ENTRIES and entry.node.value is None:
            del merged[key]
        else:
            merged[key] = Entry(entry.key, merge(before.node, entry.node, (*path, key)))
    # What is missing in a section is reported where the section is written, not where one value of it was overridden.
    place = base.place if new.place.source == COMMAND_LINE else new.place
    return Node(place, {key: _in_file(entry, mapping(base).get(key)) for key, entry in merged.items()})


def _in_file(entry: Entry, before: Entry | None) -> Entry:
    """The entry of a section, with the place of its key in a file rather than on the command line."""
    if before is not None and entry.key.source == COMMAND_LINE and is_mapping(entry.node):
        return Entry(before.key, entry.node)
    return entry


def _without_foreign_options(base: Node, new: Node, path: TreePath) -> Node:
    names = section(path)
    if names is None:
        return base
    key, core = names
    default = str(path[-1]) if path[0] in ENTRIES else None
    before, after = text(child(base, key)) or default, text(child(new, key))
    return base if after is None or after == before else only(base, core)


def _without_other_target(base: Node, new: Node, path: TreePath) -> Node:
    given = any(entry.node.value is not None for entry in mapping(new).values())
    return only(base, frozenset()) if path == TARGET and given else base
