"""Where recipes are: a path, or the name of one that is shipped."""

from __future__ import annotations

from pathlib import Path

from mstasks.recipe.errors import Problems
from mstasks.recipe.tree import Place
from mstasks.recipe.wording import did_you_mean, listing

_PACKAGE = Path(__file__).parent.parent
STUDY_SUFFIX = ".study.yaml"
"""How the names of shipped study files end, which lie among the recipes that they compare."""


def shipped_folder() -> Path:
    """The folder of the shipped recipes: inside the package in a wheel, beside it in an editable install."""
    inside = _PACKAGE / "_recipes"
    return inside if inside.is_dir() else _PACKAGE.parent / "recipes"


def shipped() -> dict[str, Path]:
    """Shipped recipes by name, sorted: ``quickstart``, ``nyuv2/mini``."""
    folder = shipped_folder()
    files = sorted(file for file in folder.rglob("*.yaml") if not file.name.endswith(STUDY_SUFFIX))
    return {file.relative_to(folder).with_suffix("").as_posix(): file for file in files}


def list_recipes() -> list[tuple[str, str, Path]]:
    """Name, summary (its first comment line) and path of every shipped recipe, sorted by name."""
    return [(name, _summary(path), path) for name, path in shipped().items()]


def _summary(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        first = file.readline()
    return first.lstrip("#").strip() if first.startswith("#") else ""


def find_recipe(name_or_path: str | Path) -> Path:
    """The path of a recipe.

    Args:
        name_or_path: A path, or the name of a shipped recipe (`mstasks ls recipes`). What exists as a file wins.

    Raises:
        RecipeErrors: If it is neither.
    """
    problems = Problems()
    found = look_up(str(name_or_path), Path(), problems, Place(str(name_or_path)))
    problems.raise_if_any()
    assert found is not None  # else there was a problem
    return found


def look_up(text: str, folder: Path, problems: Problems, place: Place, subject: str = "") -> Path | None:
    """The file that a text names, seen from a folder.

    Args:
        text: A path, absolute or relative to `folder`, or the name of a shipped recipe.
        folder: Where relative paths start.
        problems: Gets an error if there is no such file.
        place: Where the text was written.
        subject: What the error begins with.
    """
    path = folder / _expanded(text)
    known = shipped()
    if text and exists(path) and not (path.is_dir() and text in known):
        return path
    if text in known:
        return known[text]
    near = [*known, *(str(Path(text).parent / file.name) for file in _neighbours(path))]
    names = f"give a path, or a shipped recipe: {listing(known)}" if known else "give a path"
    problems.add(place, f"{subject}no such file or shipped recipe", names, did_you_mean(text, near))
    return None


def _expanded(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # "~name" of nobody
        return Path(text)


def _neighbours(path: Path) -> list[Path]:
    """YAML files beside where a path points."""
    try:
        return [file for file in path.parent.iterdir() if file.suffix in (".yaml", ".yml")]
    except (OSError, ValueError):
        return []


def exists(path: Path) -> bool:
    """Whether there is something at a path that may be any text."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for the file system, or a NUL in it
        return False
