"""Base class of what a recipe may set. Imports pydantic, never torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo


class Options(BaseModel):
    """Immutable, typed options: unknown keys, NaN and infinity are refused, no type is guessed (`"3"` is not a number).

    Document each field with ``pydantic.Field(description=...)``: the text reaches the JSON schema and editors.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


def _resolve(path: Path, info: ValidationInfo) -> Path:
    """Resolve against the recipe's folder if it exists there, then against the working directory."""
    context: dict[str, Any] = info.context or {}
    path = path.expanduser()
    folder = context.get("folder")
    if not path.is_absolute() and folder is not None and (Path(folder) / path).exists():
        path = Path(folder) / path
    return path.absolute()


RecipePath = Annotated[Path, AfterValidator(_resolve)]
"""A path in a recipe: relative to the recipe's folder, then to the working directory; absolute once validated."""


def _is_task(name: str, info: ValidationInfo) -> str:
    """Refuse what is no task of the recipe; outside a recipe any name will do."""
    tasks = (info.context or {}).get("tasks")
    if tasks is not None and name not in tasks:
        raise ValueError(f"allowed: a task of this recipe, {', '.join(tasks)}")
    return name


RecipeTask = Annotated[str, AfterValidator(_is_task)]
"""The name that a task has in the recipe: a key of its `tasks`."""
