"""Recipes: YAML in, a validated and immutable `Recipe` out.

Importing this package costs nothing; PyYAML and pydantic are imported on first use, torch only by `check_names`, the
second pass, which asks timm and albumentations.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mstasks.recipe.errors import RecipeError, RecipeErrors
    from mstasks.recipe.find import find_recipe, list_recipes
    from mstasks.recipe.libraries import check_names
    from mstasks.recipe.load import LoadedRecipe, load_recipe
    from mstasks.recipe.model import Recipe
    from mstasks.recipe.resolved import dump_resolved
    from mstasks.recipe.schema import recipe_schema

_LAZY = {
    "LoadedRecipe": "mstasks.recipe.load",
    "Recipe": "mstasks.recipe.model",
    "RecipeError": "mstasks.recipe.errors",
    "RecipeErrors": "mstasks.recipe.errors",
    "check_names": "mstasks.recipe.libraries",
    "dump_resolved": "mstasks.recipe.resolved",
    "find_recipe": "mstasks.recipe.find",
    "list_recipes": "mstasks.recipe.find",
    "load_recipe": "mstasks.recipe.load",
    "recipe_schema": "mstasks.recipe.schema",
}

__all__ = [
    "LoadedRecipe",
    "Recipe",
    "RecipeError",
    "RecipeErrors",
    "check_names",
    "dump_resolved",
    "find_recipe",
    "list_recipes",
    "load_recipe",
    "recipe_schema",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'mstasks.recipe' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
