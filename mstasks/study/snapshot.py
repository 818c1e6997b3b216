"""The recipe of a job as the study read it, which it is trained with whatever becomes of the files meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from mstasks.recipe.load import DEFAULT
from mstasks.recipe.resolved import document, lines
from mstasks.recipe.tree import TreePath
from mstasks.study.arms import StudyArm
from mstasks.study.recipes import anywhere
from mstasks.study.references import quoted

if TYPE_CHECKING:
    from mstasks.recipe import LoadedRecipe


def snapshot(loaded: LoadedRecipe) -> str:
    """YAML of what was written, paths absolute and overrides applied; defaults stay defaults.

    It reads back as an equal recipe, paths of other arms' runs apart: see `references`.
    """
    written = {
        path[:end] for path, origin in loaded.origins.items() if origin != DEFAULT for end in range(len(path) + 1)
    }
    kept = [line for line in lines(loaded.recipe) if line.path in written]
    text = [f"# What a study asks for, made of {loaded.path.name} and overrides."]
    for number, line in enumerate(kept):
        following = kept[number + 1].path if number + 1 < len(kept) else ()
        # Nobody wrote anything in it, so that it has its defaults.
        empty = line.opens and following[: len(line.path)] != line.path
        text.append(f"{line.text} {{}}" if empty else line.text)
    return "".join(f"{line}\n" for line in text)


def references(loaded: LoadedRecipe, arm: StudyArm, run_of: Callable[[str], str]) -> list[str]:
    """Overrides that put the runs of other arms in their places.

    Args:
        loaded: The arm's recipe.
        arm: The arm.
        run_of: The run of another arm.
    """
    found = []
    for path, text in _texts(document(loaded.recipe), ()):
        filled = text
        for name in arm.needs:
            filled = filled.replace(anywhere(name), run_of(name))
        if filled != text:
            found.append(f"{'.'.join(map(str, path))}={quoted(filled)}")
    return found


def _texts(value: Any, path: TreePath) -> Iterator[tuple[TreePath, str]]:
    if isinstance(value, str):
        yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _texts(inner, (*path, key))
