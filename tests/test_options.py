"""The base class of options, and paths in recipes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from mstasks import Options, RecipePath, RecipeTask


class Example(Options):
    rate: float = Field(1.0, description="A number.")
    count: int = 1
    label: str = "a"
    flag: bool = False


class WithPath(Options):
    file: RecipePath


def read(path: str, folder: Path | None) -> Path:
    context = None if folder is None else {"folder": folder}
    return WithPath.model_validate_json(json.dumps({"file": path}), context=context).file


def test_defaults_and_values() -> None:
    assert Example().rate == 1.0
    assert Example(rate=2.5, count=3).count == 3


def test_options_are_immutable() -> None:
    with pytest.raises(ValidationError, match="Instance is frozen"):
        Example().rate = 2.0  # type: ignore[misc]


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Example.model_validate({"raet": 1.0})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_finite_number_is_refused(number: float) -> None:
    with pytest.raises(ValidationError, match="Input should be a finite number"):
        Example(rate=number)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"rate": "3"}, "valid number"),
        ({"count": "3"}, "valid integer"),
        ({"count": 3.0}, "valid integer"),
        ({"count": True}, "valid integer"),
        ({"rate": True}, "valid number"),
        ({"label": 3}, "valid string"),
        ({"flag": 1}, "valid boolean"),
        ({"flag": "yes"}, "valid boolean"),
    ],
)
def test_no_type_is_guessed(values: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        Example.model_validate(values)


def test_an_integer_is_a_number() -> None:
    assert Example.model_validate({"rate": 3}).rate == 3.0


def test_descriptions_reach_the_schema() -> None:
    schema = Example.model_json_schema()
    assert schema["properties"]["rate"]["description"] == "A number."
    assert schema["additionalProperties"] is False


def test_a_path_is_found_beside_the_recipe_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("recipes", "here"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file.txt").touch()
    monkeypatch.chdir(tmp_path / "here")
    assert read("file.txt", tmp_path / "recipes") == tmp_path / "recipes" / "file.txt"


def test_a_path_that_is_not_beside_the_recipe_is_taken_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipes").mkdir()
    monkeypatch.chdir(tmp_path)
    assert read("file.txt", tmp_path / "recipes") == tmp_path / "file.txt"
    assert read("file.txt", None) == tmp_path / "file.txt"


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    assert read(str(tmp_path / "x"), Path("/elsewhere")) == tmp_path / "x"


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read("~/x", None) == tmp_path / "x"


def test_a_relative_recipe_folder_gives_an_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "file.txt").touch()
    monkeypatch.chdir(tmp_path)
    assert read("file.txt", Path("recipes")) == tmp_path / "recipes" / "file.txt"


class Together(Options):
    tasks: tuple[RecipeTask, ...]


def test_a_task_is_one_of_the_recipe() -> None:
    known = {"tasks": ["depth", "edges"]}
    assert Together.model_validate({"tasks": ("edges",)}, context=known).tasks == ("edges",)
    with pytest.raises(ValidationError, match="allowed: a task of this recipe, depth, edges"):
        Together.model_validate({"tasks": ("depth", "edge")}, context=known)


def test_outside_a_recipe_a_task_has_any_name() -> None:
    assert Together(tasks=("edge",)).tasks == ("edge",)
