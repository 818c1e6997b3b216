"""What a run writes down before it starts: what was asked, what it meant, on what, and with which plugin files."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mstasks.narrow import surviving_channels
from mstasks.recipe import dump_resolved
from mstasks.runfolder import RunFolder, environment, write_json

if TYPE_CHECKING:
    from mstasks.recipe import LoadedRecipe


def record(loaded: LoadedRecipe, run: RunFolder) -> None:
    """Write resolved.yaml and environment.json, and copy plugin files, so that the run folder needs nothing else.

    A plugin file that imports modules beside it is not copied but named where it lies. The structure of another run is
    written out in numbers.
    """
    plugins = tuple(_kept(entry, run.path / "plugins") for entry in loaded.recipe.plugins)
    backbone = loaded.recipe.backbone
    if isinstance(backbone.structure, Path):
        backbone = backbone.model_copy(update={"structure": surviving_channels(RunFolder(backbone.structure))})
    recipe = loaded.recipe.model_copy(update={"plugins": plugins, "backbone": backbone})
    run.recipe.write_text(dump_resolved(recipe), encoding="utf-8")
    write_json(run.path / "environment.json", environment())


def _kept(entry: str, folder: Path) -> str:
    """A plugin file's copy, relative to the run; anything else as it is."""
    if not entry.endswith(".py") or _imports_neighbours(Path(entry)):
        return entry
    folder.mkdir(exist_ok=True)
    shutil.copyfile(entry, folder / Path(entry).name)
    return f"./{folder.name}/{Path(entry).name}"


def _imports_neighbours(file: Path) -> bool:
    names = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return any((file.parent / f"{name}.py").exists() or (file.parent / name).is_dir() for name in names)
