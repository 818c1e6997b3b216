"""Which keys of the open sections belong to the core; all others are options of the plugin that the section names."""

from __future__ import annotations

from mstasks.recipe.model import Data, Named, TaskEntry
from mstasks.recipe.tree import TreePath

OPTIONS = "options"
"""The field of the models that holds the plugin's options; nobody writes it in a recipe."""

DATA = frozenset(Data.model_fields) - {OPTIONS}
TASK = frozenset(TaskEntry.model_fields) - {OPTIONS}
STRATEGY = frozenset(Named.model_fields) - {OPTIONS}

WEIGHTING: TreePath = ("loss_weighting",)
STRENGTH: TreePath = ("sparsity", "strength")
UPDATE: TreePath = ("meta", "update")
TARGET: TreePath = ("sparsity", "target")
ADAPTATION: TreePath = ("adapt", "strategy")
STRATEGIES = (WEIGHTING, STRENGTH, UPDATE, ADAPTATION)
"""Where strategies stand, each a name alone or a mapping of its name and its options."""

ENTRIES = ("tasks", "unseen")
"""Where tasks stand by name, each with its own options."""


def section(path: TreePath) -> tuple[str, frozenset[str]] | None:
    """The key that names the plugin, and all core keys, of the open section at a path; None if none is there."""
    if path == ("data",):
        return "dataset", DATA
    if path in STRATEGIES:
        return "name", STRATEGY
    if len(path) == 2 and path[0] in ENTRIES:
        return "task", TASK
    return None
