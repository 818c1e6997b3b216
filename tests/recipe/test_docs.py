"""The page on recipes names every key with its default, and its examples are true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import get_args

import pytest
import yaml
from click.testing import CliRunner
from pydantic_core import PydanticUndefined
from recipe_fixtures import Write

from mstasks import Options
from mstasks.adapt.options import HeadFirstOptions, RidgeOptions, TuneOptions
from mstasks.cli.show import show
from mstasks.meta.options import AnilOptions, InnerOptions, LookAheadOptions, MamlOptions, SimulatedUnseenOptions
from mstasks.plugins import SpecKind, load_plugins
from mstasks.recipe import RecipeErrors, load_recipe
from mstasks.recipe.compose import MAX_DEPTH, MAX_NODES
from mstasks.recipe.core_keys import OPTIONS
from mstasks.recipe.methods import READERS
from mstasks.recipe.model import (
    Adapt,
    Backbone,
    Data,
    Decoder,
    Head,
    Meta,
    Named,
    Optim,
    Recipe,
    Run,
    Sparsity,
    Target,
    TaskEntry,
)
from mstasks.recipe.source import MAX_BYTES
from mstasks.sparsity.strength.options import (
    ControllerOptions,
    FixedOptions,
    LearnedOptions,
    OneShotOptions,
    PricedOptions,
)

PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
MODELS: list[type[Options]] = [
    Recipe, Data, Backbone, Decoder, TaskEntry, Head, Optim,
    Sparsity, Target, PricedOptions, OneShotOptions, ControllerOptions, FixedOptions, LearnedOptions,
    Meta, LookAheadOptions, InnerOptions, MamlOptions, SimulatedUnseenOptions,
    Adapt, TuneOptions, HeadFirstOptions, RidgeOptions, Run,
]  # fmt: skip
DATA_SETS = ("scenes", "nyuv2", "celebamask_hq", "folder")
STRATEGIES: tuple[SpecKind, ...] = ("strength", "update", "adaptation")
PLUGINS = [f"mstasks_{name}" for name in (*DATA_SETS, "segmentation", "depth", "normals", "edges", "attributes")]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def tables() -> Iterator[dict[str, str]]:
    """Default by key, of every table that has keys."""
    for table in re.findall(r"^\| key.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE):
        rows = (line.split("|") for line in table.splitlines())
        yield {row[1].strip(" `"): row[2].strip(" `") for row in rows}


def defaults(model: type[Options]) -> dict[str, object]:
    """Default by key; without what strategies have in common, which has a table of its own."""
    bases = [base for base in (InnerOptions, TuneOptions) if model is not base and issubclass(model, base)]
    common = bases[0].model_fields if bases else {}
    return {
        name: field.default
        for name, field in model.model_fields.items()
        if name != OPTIONS and (name not in common or common[name].default != field.default)
    }


def meant(written: str) -> object:
    """What a cell of the column of defaults says; fractions are written as such."""
    with suppress(ValueError):
        return float(Fraction(written))
    return yaml.safe_load(written)


def plain(default: object) -> object:
    return list(default) if isinstance(default, tuple) else default.name if isinstance(default, Named) else default


def test_every_key_is_documented_and_no_other() -> None:
    found = list(tables())
    assert len(found) == len(MODELS)
    for table, model in zip(found, MODELS, strict=True):
        assert set(table) - {"extends"} == set(defaults(model)), model.__name__


def test_every_strategy_has_its_options_in_a_table() -> None:
    registry = load_plugins()
    models = [registry.options_model(spec) for kind in STRATEGIES for spec in registry.specs(kind)]
    assert len(models) == 16
    assert set(models) - set(MODELS) == {AnilOptions}
    assert defaults(AnilOptions) == {}  # it has what all inner loops have


def test_the_documented_defaults_are_the_defaults() -> None:
    checked = 0
    for table, model in zip(tables(), MODELS, strict=True):
        for key, default in defaults(model).items():
            written, default = table[key], plain(default)
            if default is PydanticUndefined:
                assert written in ("", "the entry's name"), key
            elif not isinstance(default, Options):
                assert meant(written) == default, key
                checked += 1
    assert checked >= 85


def test_the_limits_are_the_limits() -> None:
    assert f"at most {MAX_NODES} values, nested at most {MAX_DEPTH} deep" in PAGE
    assert f"at most {MAX_BYTES // 1024} KiB" in PAGE


def whole(fragment: str) -> str:
    """The page's first recipe with a method of its own."""
    return blocks("yaml")[0] + fragment


def test_every_strategy_of_training_has_an_example_that_is_a_recipe(write: Write) -> None:
    fragments = [block for block in blocks("yaml") if block.startswith("method:")]
    used = set()
    for fragment in fragments:
        write(whole(fragment))
        recipe = load_recipe("r.yaml", plugins=PLUGINS).recipe
        used |= {("strength", recipe.sparsity.strength.name)} if recipe.sparsity else set()
        used |= {("update", recipe.meta.update.name)} if recipe.meta else set()
    registry = load_plugins()
    assert used == {(kind, name) for kind in STRATEGIES[:2] for name in registry.names(kind)}


def test_the_examples_of_adaptation_are_recipes(write: Write) -> None:
    fragments = [block for block in blocks("yaml") if block.startswith(("unseen:", "adapt:"))]
    recipes = []
    for fragment in fragments:
        write(whole(fragment))
        recipes.append(load_recipe("r.yaml", plugins=PLUGINS).recipe)
    assert [name for recipe in recipes for name in recipe.unseen] == ["normals", "corners"]
    assert {recipe.adapt.strategy.name for recipe in recipes} == {"head-first", "fast", "ridge"}


def test_every_strategy_of_adaptation_is_in_a_table_or_has_a_section() -> None:
    rows = re.findall(
        r"^\| `([a-z-]+)` \| [^|]*\| [^|]*\|$", PAGE.partition("| `strategy` | head")[2], flags=re.MULTILINE
    )
    sections = re.findall(r"^#### `strategy: ([a-z-]+)`$", PAGE, flags=re.MULTILINE)
    names = load_plugins().names("adaptation")
    assert {*rows, *sections} & set(names) == set(names)
    assert set(sections) <= set(names)


def test_the_methods_are_the_methods_and_read_what_they_read() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| one network.*\| (.*?) *\|$", PAGE, flags=re.MULTILINE)
    assert [method for method, _ in rows] == list(get_args(Recipe.model_fields["method"].annotation))
    for method, sections in rows:
        assert re.findall(r"`(\w+)`", sections) == [name for name, methods in READERS.items() if method in methods]


def test_the_example_is_a_recipe(write: Write) -> None:
    write(blocks("yaml")[0], "rooms.yaml")
    assert load_recipe("rooms.yaml", plugins=PLUGINS).recipe.optim.lr == 0.005


def test_the_extending_example_does_what_it_says(write: Write) -> None:
    write(blocks("yaml")[0], "rooms.yaml")
    (extending,) = [block for block in blocks("yaml") if "extends:" in block]
    write(extending, "child.yaml")
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
