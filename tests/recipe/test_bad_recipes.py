"""Every bad recipe is refused within a second, with every error at its place, in these words."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from bad_recipes import Bad, adapting, combined, core_keys, methods, plugged, scalars, yaml_level
from recipe_fixtures import Load, Write

from mstasks.recipe import RecipeErrors, load_recipe

CASES: list[Bad] = [
    case for table in (yaml_level, scalars, core_keys, plugged, methods, adapting, combined) for case in table.CASES
]


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """Pay for the imports once, before anything is timed."""
    import mstasks.recipe.load  # noqa: F401


def test_there_are_many_bad_recipes_each_with_its_own_name() -> None:
    assert len(CASES) >= 60
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_it_is_refused_in_these_words(case: Bad, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write(case.text)
    for name, text in case.files:
        write(text, name)
    for name, value in case.environment:
        monkeypatch.setenv(name, value)
    before = time.process_time()
    with pytest.raises(RecipeErrors) as caught:
        load_recipe("r.yaml", case.overrides, ["recipe_kitchen"])
    assert time.process_time() - before < 1.0
    found = str(caught.value).split("\n")
    assert len(found) == len(case.errors), found
    for line, expected in zip(found, case.errors, strict=True):
        if expected.endswith(" ..."):
            assert line.startswith(expected.removesuffix(" ..."))
        else:
            assert line == expected


def test_the_words_are_for_the_command_line_too() -> None:
    assert issubclass(RecipeErrors, Exception)
    assert RecipeErrors(()).exit_code == 2


def test_errors_can_be_read_by_a_program(load: Load) -> None:
    with pytest.raises(RecipeErrors) as caught:
        load("name: toy\nbackbone: {modle: x}\n", ["seed=no"])
    places = [(error.place.source, error.place.line, error.place.column) for error in caught.value.errors]
    assert places == [
        ("r.yaml", 1, 1),
        ("r.yaml", 1, 1),
        ("r.yaml", 2, 1),
        ("r.yaml", 2, 12),
        ("command line", 0, 0),
    ]
    assert caught.value.errors[3].hint == "did you mean 'model'?"


def test_a_thousand_errors_are_counted_not_shown(load: Load, good: str) -> None:
    keys = "".join(f"  wrong{index}: 1\n" for index in range(1000))
    with pytest.raises(RecipeErrors) as caught:
        load(good + "optim:\n" + keys)
    assert len(caught.value.errors) == 1000
    lines = str(caught.value).split("\n")
    assert len(lines) == 51
    assert lines[-1] == "and 950 more errors"


def test_a_file_named_by_an_absolute_path_is_shown_by_it(write: Write, tmp_path: Path) -> None:
    path = write("[]")
    with pytest.raises(RecipeErrors, match=rf"^{path}:1:1: the file holds an? (empty )?list"):
        load_recipe(path)
