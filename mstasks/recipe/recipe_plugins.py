"""The plugins that a recipe and the command line name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mstasks.discovery import candidates
from mstasks.errors import PluginError
from mstasks.plugins import Registry, load_plugins
from mstasks.recipe.errors import Problems
from mstasks.recipe.tree import COMMAND_LINE, Node, Place, child, text, with_child
from mstasks.recipe.wording import quote


def load_plugins_of(root: Node, extra: Sequence[str], problems: Problems) -> tuple[Node, Registry]:
    """Load the installed plugins and those that the recipe and the command line name.

    Args:
        root: The recipe. A relative path is looked for in the folder of the file that names it, then in the working
            directory.
        extra: Plugins of the command line, files or modules.
        problems: Gets what does not exist and what is broken.

    Returns:
        The recipe with the command line's plugins among its own and with absolute paths of plugin files, so that it
        means the same wherever it is written; and the registry.

    Raises:
        RecipeErrors: If two plugin files have the same name.
    """
    written = child(root, "plugins")
    own = written.value if written is not None and isinstance(written.value, tuple) else ()
    added = tuple(Node(Place(COMMAND_LINE, detail=f"--plugin {name}"), name) for name in extra)
    named = [_locate(item, problems) for item in own + added]
    place = written.place if written is not None else root.place
    if named and (written is None or isinstance(written.value, tuple)):  # anything else is refused later
        root = with_child(root, "plugins", Node(place if own else added[0].place, tuple(item for item, _ in named)))
    found = {origin: item.place for item, origin in named if origin is not None}
    try:
        registry = load_plugins([str(item.value) for item, origin in named if origin is not None])
    except PluginError as error:  # two files of one name: what they offer is unknown, and so is all that needs it
        problems.add(place, str(error).rstrip("."))
        problems.raise_if_any()
        raise
    for row in registry.plugins:
        if row.error is not None and row.origin in found:
            problems.add(found[row.origin], f"plugin {quote(row.name)} is broken", row.error.rstrip("."))
    return root, registry


def _locate(item: Node, problems: Problems) -> tuple[Node, str | None]:
    """One plugin with its path made absolute, and its origin in a registry; None if it cannot be found."""
    name = text(item)
    if name is None:
        return item, None  # refused by the model
    try:
        candidate = candidates([name], item.place.folder or Path(), installed=False)[-1]
    except (PluginError, RuntimeError) as error:  # RuntimeError: "~name" of nobody
        problems.add(item.place, str(error).rstrip("."))
        return item, None
    return (item if candidate.file is None else replace(item, value=str(candidate.file))), candidate.origin
