"""Recipes in an empty folder, with test plugins only."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mstasks.recipe import LoadedRecipe, load_recipe

SUPPORT = str(Path(__file__).parent / "support")
if SUPPORT not in sys.path:
    sys.path.insert(0, SUPPORT)  # the test plugins and the tables of bad recipes

from bad_recipes import GOOD  # noqa: E402 - found by the line above
from recipe_fixtures import Load, Write  # noqa: E402


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: empty, without installed plugins, with the shipped recipes out of sight."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "starter.yaml").write_text("# The first steps.\n" + GOOD)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("MSTASKS_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr("mstasks.recipe.find.shipped_folder", lambda: shipped)
    return work


@pytest.fixture
def good() -> str:
    """A valid recipe."""
    return GOOD


@pytest.fixture
def write(folder: Path) -> Write:
    """Write a file below the working directory."""

    def writer(text: str | bytes = GOOD, name: str = "r.yaml") -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return writer


@pytest.fixture
def load(write: Write) -> Load:
    """Write `r.yaml` and load it as the user would name it, with the test plugins."""

    def loader(text: str | bytes = GOOD, overrides: Sequence[str] = ()) -> LoadedRecipe:
        write(text)
        return load_recipe("r.yaml", overrides, ["recipe_kitchen"])

    return loader
