"""Types of the fixtures that write and load recipes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mstasks.recipe import LoadedRecipe

Write = Callable[..., Path]
"""``write(text, name="r.yaml") -> path``."""
Load = Callable[..., LoadedRecipe]
"""``load(text, overrides=()) -> loaded``."""
