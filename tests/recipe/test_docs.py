"""The page on recipes names every key with its default, and its examples are true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic_core import PydanticUndefined
from recipe_fixtures import Write

from mstasks import Options
from mstasks.cli.show import show
from mstasks.recipe import RecipeErrors, load_recipe
from mstasks.recipe.compose import MAX_DEPTH, MAX_NODES
from mstasks.recipe.core_keys import OPTIONS
from mstasks.recipe.model import Backbone, Data, Decoder, Head, Optim, Recipe, Run, TaskEntry
from mstasks.recipe.source import MAX_BYTES

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
MODELS = [Recipe, Data, Backbone, Decoder, TaskEntry, Head, Optim, Run]
PLUGINS = [f"mstasks_{name}" for name in ("scenes", "nyuv2", "segmentation", "depth", "normals", "edges", "attributes")]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def tables() -> Iterator[dict[str, str]]:
    """Default by key, of every table that has keys."""
    for table in re.findall(r"^\| key.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE):
        rows = (line.split("|") for line in table.splitlines())
        yield {row[1].strip(" `"): row[2].strip(" `") for row in rows}


def defaults(model: type[Options]) -> dict[str, object]:
    return {name: field.default for name, field in model.model_fields.items() if name != OPTIONS}


def test_every_key_is_documented_and_no_other() -> None:
    found = list(tables())
    assert len(found) == len(MODELS)
    for table, model in zip(found, MODELS, strict=True):
        assert set(table) - {"extends"} == set(defaults(model)), model.__name__


def test_the_documented_defaults_are_the_defaults() -> None:
    checked = 0
    for table, model in zip(tables(), MODELS, strict=True):
        for key, default in defaults(model).items():
            written = table[key]
            if default is PydanticUndefined:
                assert written in ("", "the entry's name"), key
            elif isinstance(default, int | float | str) or default is None:
                assert written == {None: "null"}.get(default, str(default)), key
                checked += 1
    assert checked >= 25


def test_the_limits_are_the_limits() -> None:
    assert f"at most {MAX_NODES} values, nested at most {MAX_DEPTH} deep" in PAGE
    assert f"at most {MAX_BYTES // 1024} KiB" in PAGE


def test_the_example_is_a_recipe(write: Write) -> None:
    write(blocks("yaml")[0], "rooms.yaml")
    assert load_recipe("rooms.yaml", plugins=PLUGINS).recipe.optim.lr == 0.005


def test_the_extending_example_does_what_it_says(write: Write) -> None:
    write(blocks("yaml")[0], "rooms.yaml")
    write(blocks("yaml")[1], "child.yaml")
    recipe = load_recipe("child.yaml", plugins=PLUGINS).recipe
    assert list(recipe.tasks) == ["depth", "normals"]
    depth = recipe.tasks["depth"]
    assert (depth.weight, depth.options.loss, recipe.optim.lr) == (2.0, "berhu", 0.005)  # type: ignore[union-attr]


def test_the_overrides_of_the_example_are_taken(write: Write) -> None:
    write(blocks("yaml")[0], "rooms.yaml")
    overrides = blocks("sh")[0].split()[3:]
    assert len(overrides) == 4
    recipe = load_recipe("rooms.yaml", overrides, PLUGINS).recipe
    assert (recipe.data.size, recipe.data.augment) == ((128, 128), ({"HorizontalFlip": {"p": 0.3}},))


def test_the_errors_of_the_example_are_the_errors(write: Write) -> None:
    text = blocks("yaml")[0]
    for old, new in [("dataset: scenes", "dataset: scene"), ("5e-3", "5e-3x"), ("  depth:", "  deph:")]:
        assert old in text
        text = text.replace(old, new)
    write(text.replace("deph: {loss: berhu}", "deph: {}"), "rooms.yaml")
    with pytest.raises(RecipeErrors) as caught:
        load_recipe("rooms.yaml", plugins=PLUGINS)
    assert f"{caught.value}\n" == blocks("text")[0]


def test_the_origins_of_the_example_are_the_origins(write: Write) -> None:
    write(blocks("yaml")[0], "rooms.yaml")
    arguments = [part for plugin in PLUGINS for part in ("--plugin", plugin)]
    output = CliRunner().invoke(show, ["rooms.yaml", "optim.lr=1e-3", *arguments]).output
    shown = [re.sub(r" +# ", "  # ", line) for line in blocks("text")[1].splitlines()[1:] if line != "..."]
    assert len(shown) == 6
    for line in shown:
        assert line in re.sub(r" +# ", "  # ", output)
