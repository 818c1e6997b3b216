"""Which keys of the open sections belong to the core; all others are options of the plugin that the section names."""

from __future__ import annotations

from mstasks.recipe.model import Data, Named, TaskEntry
from mstasks.recipe.tree import TreePath

OPTIONS = "options"
"""The field of the models that holds the plugin's options; nobody writes it in a recipe."""

DATA = frozenset(Data.model_fields) - {OPTIONS}
TASK = frozenset(TaskEntry.model_fields) - {OPTIONS}
WEIGHTING = frozenset(Named.model_fields) - {OPTIONS}


def section(path: TreePath) -> tuple[str, frozenset[str]] | None:
    """The key that names the plugin, and all core keys, of the open section at a path; None if none is there."""
    if path == ("data",):
        return "dataset", DATA
    if path == ("loss_weighting",):
        return "name", WEIGHTING
    if len(path) == 2 and path[0] == "tasks":
        return "task", TASK
    return None
