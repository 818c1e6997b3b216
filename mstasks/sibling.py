"""A run that is made from another one: a folder beside it that needs nothing else, and names its parent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mstasks.runfolder import RunFolder

_KEPT = ("recipe.yaml", "resolved.yaml", "environment.json", "constants.json", "splits.json")


@contextmanager
def new_sibling(run: RunFolder, out: Path | None = None) -> Iterator[RunFolder]:
    """A new run folder with the recipe, plugins, splits and constants of a run; removed again if the body fails.

    Args:
        run: The run, left as it is. Beside the run of one task means beside its `single-task` parent, which holds
            nothing else.
        out: Root that the folder is made in instead of beside the run.
    """
    beside = run.path.resolve()
    if beside.parent.name == "tasks" and (beside.parents[1] / "resolved.yaml").is_file():
        beside = beside.parents[1]
    made = RunFolder.create(beside.parents[1] if out is None else out, beside.parent.name)
    try:
        _copy(run, made)
        yield RunFolder(_short(made.path))
    except BaseException:
        shutil.rmtree(made.path)
        raise


def path_from(run: RunFolder, other: RunFolder) -> str:
    """The path of another run relative to a run, as summaries name parents: both may move together."""
    return os.path.relpath(other.path.resolve(), run.path.resolve())


def uncut_origin(run: RunFolder) -> RunFolder:
    """The run that holds the channels that a compact run lost: the nearest ancestor that is not compact.

    Args:
        run: A complete compact run, made by `mstasks compact`, or adapted from one; any other run is its own origin.
    """
    while run.structure.is_file():
        run = RunFolder(Path(os.path.normpath(run.path / str(run.read_summary()["parent"]))))
    return run


def _copy(run: RunFolder, made: RunFolder) -> None:
    for name in _KEPT:
        if (run.path / name).is_file():  # the run of one task has no recipe.yaml of its own
            shutil.copyfile(run.path / name, made.path / name)
    if (run.path / "plugins").is_dir():
        shutil.copytree(run.path / "plugins", made.path / "plugins", ignore=shutil.ignore_patterns("__pycache__"))


def _short(path: Path) -> Path:
    """The path as one would type it here: relative if it lies below the working directory."""
    whole, here = path.resolve(), Path.cwd().resolve()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole
