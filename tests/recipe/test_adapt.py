"""`unseen` and `adapt`: read as written, inherited, replaced and removed, and no matter to training."""

from __future__ import annotations

from pathlib import Path

import pytest
from bad_recipes import GOOD
from recipe_fixtures import Load, Write
from recipe_kitchen.options import DepthOptions, LabelsOptions, NearestOptions

from mstasks.adapt.options import HeadFirstOptions, RidgeOptions, TuneOptions
from mstasks.bound import target_infos
from mstasks.plugins import load_plugins
from mstasks.recipe import LoadedRecipe, load_recipe
from mstasks.recipe.model import Recipe

UNSEEN = GOOD + "unseen: {plain: {}, again: {task: labels, target: labels, smoothing: 0.5, head: linear}}\n"
ADAPT = GOOD + "adapt: {shots: 5, strategy: {name: head-first, steps: 12}, baselines: [scratch], grow: true}\n"


def child(write: Write, base: str, text: str, *overrides: str) -> Recipe:
    """A recipe that extends another."""
    write(base, "base.yaml")
    write("extends: base.yaml\n" + text)
    return load_recipe("r.yaml", overrides, ["recipe_kitchen"]).recipe


def test_a_recipe_without_both_has_no_unseen_task_and_the_defaults_of_adapt(load: Load) -> None:
    loaded = load()
    adapt = loaded.recipe.adapt
    assert loaded.recipe.unseen == {}
    assert (adapt.shots, adapt.draws, adapt.baselines) == (10, 5, ())
    assert (adapt.seen, adapt.seen_weight, adapt.grow, adapt.hold_out) == ("release", 1.0, False, 0.0)
    assert (adapt.strategy.name, adapt.strategy.options) == ("head-first", HeadFirstOptions())
    assert loaded.origins["adapt", "strategy", "steps"] == "default"


def test_an_unseen_task_is_written_like_a_task(load: Load) -> None:
    unseen = load(UNSEEN).recipe.unseen
    assert list(unseen) == ["plain", "again"]
    plain, again = unseen["plain"], unseen["again"]
    assert (plain.task, plain.target, plain.weight, plain.head, plain.options) == ("plain", "plain", 1.0, None, None)
    assert (again.task, again.target, again.options) == ("labels", "labels", LabelsOptions(smoothing=0.5))
    assert again.head is not None
    assert (again.head.name, again.head.block) == ("linear", "separable")


@pytest.mark.parametrize("written", ["{plain: {}}", "{plain: null}", "{plain: }", "{plain: {task: plain}}"])
def test_an_unseen_task_without_anything_is_the_plugin_of_that_name(load: Load, written: str) -> None:
    assert load(GOOD + f"unseen: {written}\n").recipe.unseen == load(GOOD + "unseen: {plain: {}}\n").recipe.unseen


@pytest.mark.parametrize("written", ["", "null", "{}", "~"])
def test_unseen_may_be_empty(load: Load, written: str) -> None:
    assert load(GOOD + f"unseen: {written}\n").recipe == load().recipe


def test_unseen_tasks_change_nothing_that_training_reads(load: Load) -> None:
    def rest(loaded: LoadedRecipe) -> Recipe:
        return loaded.recipe.model_copy(update={"unseen": {}})

    assert rest(load(UNSEEN)) == load().recipe
    assert set(target_infos(load(UNSEEN))) == {"labels", "depth"}


def test_null_removes_an_inherited_unseen_task_and_an_empty_mapping_keeps_it(write: Write) -> None:
    recipe = child(write, UNSEEN, "unseen: {plain: null, again: {}}\n")
    assert list(recipe.unseen) == ["again"]
    assert recipe.unseen["again"].options == LabelsOptions(smoothing=0.5)
    assert child(write, UNSEEN, "", "unseen.again=null").unseen.keys() == {"plain"}


def test_null_removes_all_inherited_unseen_tasks(write: Write) -> None:
    assert child(write, UNSEEN, "unseen: null\n").unseen == {}
    assert child(write, UNSEEN, "", "unseen=null").unseen == {}


def test_options_of_an_unseen_task_are_inherited_unless_it_becomes_another_task(write: Write) -> None:
    assert child(write, UNSEEN, "unseen: {again: {weight: 2}}\n").unseen["again"].options == LabelsOptions(
        smoothing=0.5
    )
    other = child(write, UNSEEN, "unseen: {again: {task: depth, target: depth, loss: berhu}}\n").unseen["again"]
    assert other.options == DepthOptions(loss="berhu")


def test_a_task_is_held_out_by_moving_it(write: Write) -> None:
    recipe = child(write, GOOD, "tasks: {depth: null}\nunseen: {depth: {loss: berhu}}\n")
    assert (list(recipe.tasks), list(recipe.unseen)) == (["labels"], ["depth"])


def test_one_task_is_added_on_the_command_line(load: Load) -> None:
    assert list(load(overrides=["unseen.plain={}"]).recipe.unseen) == ["plain"]


@pytest.mark.parametrize("name", ["all-at-once", "fast", "bitfit", "new-decoder", "probe"])
@pytest.mark.parametrize("form", ["{name}", "{{name: {name}}}", "{{name: {name}, batch_size: 8}}"])
def test_a_strategy_that_takes_steps_by_its_name_alone(load: Load, name: str, form: str) -> None:
    strategy = load(GOOD + f"adapt: {{strategy: {form.format(name=name)}}}\n").recipe.adapt.strategy
    assert (strategy.name, strategy.options) == (name, TuneOptions())


def test_the_other_strategies_have_options_of_their_own(load: Load) -> None:
    for written, options in [
        ("ridge", RidgeOptions()),
        ("{name: ridge, penalty: 0.1}", RidgeOptions(penalty=0.1)),
        ("{name: head-first, head_share: 0.5}", HeadFirstOptions(head_share=0.5)),
        ("{name: nearest, neighbours: 3}", NearestOptions(neighbours=3)),
    ]:
        assert load(GOOD + f"adapt: {{strategy: {written}}}\n").recipe.adapt.strategy.options == options


def test_every_built_in_strategy_can_be_named() -> None:
    names = {"all-at-once", "fast", "bitfit", "new-decoder", "probe", "ridge", "head-first"}
    assert set(load_plugins().names("adaptation")) == names


def test_adapt_is_inherited_key_by_key(write: Write) -> None:
    adapt = child(write, ADAPT, "adapt: {draws: 2, strategy: {batch_size: 4}, baselines: [imagenet]}\n").adapt
    assert (adapt.shots, adapt.draws, adapt.baselines, adapt.grow) == (5, 2, ("imagenet",), True)
    assert adapt.strategy.options == HeadFirstOptions(steps=12, batch_size=4)


def test_another_strategy_leaves_the_options_of_the_inherited_one(write: Write, load: Load) -> None:
    assert child(write, ADAPT, "adapt: {strategy: fast}\n").adapt.strategy.options == TuneOptions()
    overrides = ["adapt.strategy.penalty=1", "adapt.strategy=ridge", "adapt.shots=50"]
    adapt = load(ADAPT, overrides).recipe.adapt
    assert (adapt.shots, adapt.strategy.options) == (50, RidgeOptions(penalty=1.0))


def test_baselines_are_names_and_paths_seen_from_the_recipe(write: Write, folder: Path) -> None:
    (folder / "sub" / "other").mkdir(parents=True)
    (folder / "here").mkdir()
    write(GOOD + "adapt: {baselines: [imagenet, other, here, ./scratch, runs/dense/001, scratch]}\n", "sub/r.yaml")
    baselines = load_recipe("sub/r.yaml", plugins=["recipe_kitchen"]).recipe.adapt.baselines
    paths = [folder / "sub" / "other", folder / "here", folder / "scratch", folder / "runs" / "dense" / "001"]
    assert baselines == ("imagenet", *paths, "scratch")
