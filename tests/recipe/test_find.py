"""Recipes are found by path or by the name of a shipped one."""

from __future__ import annotations

from pathlib import Path

import pytest
from recipe_fixtures import Write

from mstasks.recipe import RecipeErrors, find_recipe, list_recipes


def test_shipped_recipes_are_listed_with_their_first_comment_line(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    (shipped / "nyuv2").mkdir()
    (shipped / "nyuv2" / "mini.yaml").write_text("name: x\n# later\n")
    assert list_recipes() == [
        ("nyuv2/mini", "", shipped / "nyuv2" / "mini.yaml"),
        ("starter", "The first steps.", shipped / "starter.yaml"),
    ]
    assert find_recipe("nyuv2/mini") == shipped / "nyuv2" / "mini.yaml"


def test_a_file_wins_over_a_shipped_name_and_a_folder_does_not(write: Write, folder: Path, tmp_path: Path) -> None:
    (folder / "starter").mkdir()
    assert find_recipe("starter") == tmp_path / "shipped" / "starter.yaml"
    (folder / "starter").rmdir()
    path = write(name="starter")
    assert find_recipe("starter").absolute() == path


def test_the_users_folder_is_the_users_folder(write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    path = write(name="mine.yaml")
    assert find_recipe("~/mine.yaml") == path


def test_what_is_nowhere_is_refused() -> None:
    with pytest.raises(RecipeErrors, match=r"^stater: no such file or shipped recipe; .*; did you mean 'starter'\?$"):
        find_recipe("stater")


def test_shipped_recipes_lie_in_the_package_or_beside_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    import mstasks
    from mstasks.recipe import find

    package = Path(mstasks.__file__).parent
    assert find.shipped_folder() in (package / "_recipes", package.parent / "recipes")
    monkeypatch.setattr(find, "_PACKAGE", tmp_path)
    assert find.shipped_folder() == tmp_path.parent / "recipes"
    (tmp_path / "_recipes").mkdir()
    assert find.shipped_folder() == tmp_path / "_recipes"
