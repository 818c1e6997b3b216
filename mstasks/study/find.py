"""Where study files are: a path, or the name of one that is shipped."""

from __future__ import annotations

from pathlib import Path

from mstasks.recipe.errors import Problems
from mstasks.recipe.find import STUDY_SUFFIX, exists, shipped_folder
from mstasks.recipe.tree import Place
from mstasks.recipe.wording import did_you_mean, listing


def shipped_studies() -> dict[str, Path]:
    """Shipped study files by name, sorted: ``studies/scenes/smoke``."""
    folder = shipped_folder()
    files = sorted(folder.rglob(f"*{STUDY_SUFFIX}"))
    return {file.relative_to(folder).as_posix().removesuffix(STUDY_SUFFIX): file for file in files}


def list_studies() -> list[tuple[str, str, Path]]:
    """Name, first comment line and path of every shipped study, sorted by name."""
    found = []
    for name, path in shipped_studies().items():
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        found.append((name, first.lstrip("#").strip() if first.startswith("#") else "", path))
    return found


def look_up_study(text: str, problems: Problems) -> Path | None:
    """The file that a text names; None, and a problem, if there is none."""
    path = Path(text)
    if exists(path) and not path.is_dir():
        return path
    known = shipped_studies()
    name = text.removesuffix(STUDY_SUFFIX)
    if name in known:
        return known[name]
    if path.is_dir():
        problems.add(Place(text), "is a folder", "a study is a .yaml file")
        return None
    allowed = f"give a path, or a shipped study: {listing(known)}"
    problems.add(Place(text), "no such file or shipped study", allowed, did_you_mean(text, known))
    return None
