"""Reading a recipe: files, overrides, environment, plugins, validation, in this order, with all errors at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from mstasks.plugins import Registry
from mstasks.recipe.adapt_checks import check_adaptation
from mstasks.recipe.checks import check_together
from mstasks.recipe.core_keys import ADAPTATION, ENTRIES, OPTIONS, STRENGTH, UPDATE, WEIGHTING
from mstasks.recipe.entries import Plugged, core_only, plug_in
from mstasks.recipe.environment import substitute
from mstasks.recipe.errors import Problems
from mstasks.recipe.extends import load_tree
from mstasks.recipe.find import look_up
from mstasks.recipe.method_checks import check_method
from mstasks.recipe.model import Data, Meta, Named, Recipe, TaskEntry
from mstasks.recipe.normalise import fill_tasks, normalise
from mstasks.recipe.overrides import apply_overrides
from mstasks.recipe.recipe_plugins import load_plugins_of
from mstasks.recipe.resolved import document
from mstasks.recipe.tree import Node, Place, TreePath, at
from mstasks.recipe.validate import Part, validate

Section = TypeVar("Section", Data, TaskEntry, Named)

DEFAULT = "default"
"""The origin of a value that nobody wrote."""


@dataclass(frozen=True, slots=True)
class LoadedRecipe:
    """A valid recipe and what it was made of.

    Attributes:
        recipe: The recipe.
        registry: The plugins that it was validated against.
        path: Its file.
        origins: Where each value of the resolved recipe comes from, by path; of mappings and lists too:
            ``recipe.yaml:12:3``, ``recipe.yaml:12:3 (from $NAME)``, ``command line`` or ``default``.
        tree: What was written, with places.
    """

    recipe: Recipe
    registry: Registry
    path: Path
    origins: Mapping[TreePath, str]
    tree: Node = field(repr=False, compare=False)


def load_recipe(path: str | Path, overrides: Sequence[str] = (), plugins: Sequence[str] = ()) -> LoadedRecipe:
    """Read and validate a recipe without importing torch; `check_names` is the second pass.

    Args:
        path: A file, or the name of a shipped recipe.
        overrides: Texts ``key.path=value`` on top of the file.
        plugins: Files or modules to load besides the installed plugins and those of the recipe.

    Returns:
        The recipe, with all options instances of the models that their plugins declare.

    Raises:
        RecipeErrors: Everything that is wrong, sorted by position.
    """
    problems = Problems()
    file = look_up(str(path), Path(), problems, Place(str(path)))
    problems.raise_if_any()
    assert file is not None  # else there was a problem
    tree = load_tree(file, _shown(path, file), problems)
    if tree is None:
        problems.raise_if_any()
    assert tree is not None
    tree = apply_overrides(tree, overrides, problems)
    tree = fill_tasks(normalise(substitute(tree, problems)))
    tree, registry = load_plugins_of(tree, plugins, problems)
    folder = file.parent.absolute()
    core = validate(Recipe, Part(tree, core_only(tree)), folder, problems)
    plugged = plug_in(tree, registry, folder, problems)
    check_together(tree, plugged, problems)
    check_adaptation(tree, problems)
    check_method(tree, plugged, registry, problems)
    problems.raise_if_any()
    assert core is not None
    recipe = _assembled(core, plugged)
    return LoadedRecipe(recipe, registry, file, _origins(document(recipe), tree), tree)


def _shown(path: str | Path, file: Path) -> str:
    """A file as the user named it; a shipped one relative to the working directory if it lies below."""
    if Path(path) == file or Path(path).expanduser() == file:
        return str(path)
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def _assembled(core: Recipe, plugged: Mapping[TreePath, Plugged]) -> Recipe:
    """The recipe with the validated options put in, and with the `meta` that its method needs if nobody wrote it."""
    changed: dict[str, Any] = {
        section: {name: _with_options(entry, plugged[section, name]) for name, entry in getattr(core, section).items()}
        for section in ENTRIES
    }
    changed |= {
        "adapt": core.adapt.model_copy(update={"strategy": _with_options(core.adapt.strategy, plugged[ADAPTATION])}),
        "data": _with_options(core.data, plugged[("data",)]),
        "loss_weighting": _with_options(core.loss_weighting, plugged[WEIGHTING]),
    }
    if core.sparsity is not None:
        strength = _with_options(core.sparsity.strength, plugged[STRENGTH])
        changed["sparsity"] = core.sparsity.model_copy(update={"strength": strength})
    if UPDATE in plugged:
        meta = core.meta or Meta()
        changed["meta"] = meta.model_copy(update={"update": _with_options(meta.update, plugged[UPDATE])})
    return core.model_copy(update=changed)


def _with_options(section: Section, plugged: Plugged) -> Section:
    return section.model_copy(update={OPTIONS: plugged.options})


def _origins(value: Any, tree: Node, path: TreePath = ()) -> dict[TreePath, str]:
    """The origin of a value of the resolved recipe and of everything in it."""
    node = at(tree, path)
    found = {path: DEFAULT if node is None else node.place.origin}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found |= _origins(inner, tree, (*path, key))
    return found
