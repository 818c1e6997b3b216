"""Which method reads which section of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from mstasks.recipe.model import Recipe
from mstasks.recipe.tree import Node, at, text

READERS: Mapping[str, tuple[str, ...]] = {
    "sparsity": ("sparse", "meta-sparsity"),
    "meta": ("meta", "meta-sparsity"),
}
"""Methods by the section that they alone read."""

_FIELD = Recipe.model_fields["method"]


def method_of(root: Node) -> str | None:
    """The recipe's method, the default if it names none; None if it names something else."""
    written = at(root, ("method",))
    method = _FIELD.default if written is None else text(written)
    return method if method in get_args(_FIELD.annotation) else None


def reads(root: Node, section: str) -> bool:
    """Whether the recipe's method reads a section of `READERS`."""
    return method_of(root) in READERS[section]
