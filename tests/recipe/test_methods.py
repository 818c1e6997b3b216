"""`method`, `sparsity` and `meta`: what is filled in, inherited, replaced and removed."""

from __future__ import annotations

import pytest
from bad_recipes import GOOD
from recipe_fixtures import Load, Write
from recipe_kitchen.options import RehearsalOptions

from mstasks.meta.options import LookAheadOptions, MamlOptions
from mstasks.recipe import Recipe, RecipeErrors, load_recipe
from mstasks.recipe.methods import READERS
from mstasks.recipe.model import Meta, Sparsity
from mstasks.sparsity.strength.options import ControllerOptions, FixedOptions, LearnedOptions, PricedOptions

SPARSE = GOOD + "method: sparse\nsparsity: {target: {macs: 0.5}}\n"
BOTH = GOOD + "method: meta-sparsity\nsparsity: {strength: {name: priced, rounds: 12}, target: {macs: 0.5}}\n"
LEARNING = "meta: {update: {name: maml, inner_prox: true}}\n"


def sparsity_of(recipe: Recipe) -> Sparsity:
    assert recipe.sparsity is not None
    return recipe.sparsity


def meta_of(recipe: Recipe) -> Meta:
    assert recipe.meta is not None
    return recipe.meta


def child(write: Write, base: str, text: str) -> Recipe:
    """A recipe that extends another."""
    write(base, "base.yaml")
    write("extends: base.yaml\n" + text)
    return load_recipe("r.yaml", plugins=["recipe_kitchen"]).recipe


@pytest.mark.parametrize("method", ["multi-task", "single-task"])
def test_a_dense_method_without_episodes_has_neither_section(load: Load, method: str) -> None:
    recipe = load(GOOD + f"method: {method}\n").recipe
    assert (recipe.sparsity, recipe.meta) == (None, None)


def test_the_default_strength_has_its_default_options(load: Load) -> None:
    recipe = load(SPARSE).recipe
    strength = sparsity_of(recipe).strength
    assert (strength.name, strength.options) == ("priced", PricedOptions())
    assert recipe.meta is None


@pytest.mark.parametrize("method", READERS["meta"])
@pytest.mark.parametrize("written", ["", "meta: {}\n", "meta:\n", "meta: null\n", "meta: {update: look-ahead}\n"])
def test_a_method_with_episodes_has_the_default_update_even_if_nobody_wrote_it(
    load: Load, method: str, written: str
) -> None:
    sparsity = "sparsity: {target: {macs: 0.5}}\n" if method == "meta-sparsity" else ""
    loaded = load(GOOD + f"method: {method}\n" + sparsity + written)
    meta = meta_of(loaded.recipe)
    assert (meta.update.name, meta.update.options, meta.query_split) == ("look-ahead", LookAheadOptions(), "train")
    assert loaded.origins["meta", "update", "rate"] == "default"


@pytest.mark.parametrize("strength", ["controller", "{name: controller}", "{name: controller, gain: 0.25}"])
def test_a_strength_by_its_name_alone(load: Load, strength: str) -> None:
    recipe = load(GOOD + f"method: sparse\nsparsity: {{strength: {strength}, target: {{macs: 0.5}}}}\n").recipe
    assert sparsity_of(recipe).strength.options == ControllerOptions()


@pytest.mark.parametrize("update", ["maml", "{name: maml}", "{name: maml, episodes: 1}"])
def test_an_update_by_its_name_alone(load: Load, update: str) -> None:
    recipe = load(GOOD + f"method: meta\nmeta: {{update: {update}}}\n").recipe
    assert meta_of(recipe).update.options == MamlOptions()


def test_strategies_of_a_plugin_may_be_named(load: Load) -> None:
    text = (
        GOOD
        + "method: meta-sparsity\nsparsity: {strength: steady}\nmeta: {update: {name: rehearsal, before: [depth]}}\n"
    )
    recipe = load(text).recipe
    assert (sparsity_of(recipe).strength.name, sparsity_of(recipe).strength.options) == ("steady", None)
    assert meta_of(recipe).update.options == RehearsalOptions(before=("depth",))


def test_the_learned_strength_has_its_inner_loop(load: Load) -> None:
    recipe = load(GOOD + "method: meta-sparsity\nsparsity: {strength: learned}\n" + LEARNING).recipe
    assert sparsity_of(recipe).strength.options == LearnedOptions()
    assert meta_of(recipe).update.options == MamlOptions(inner_prox=True)


@pytest.mark.parametrize("target", ["", "target: null, ", "groups: channel, target: {macs: 0.5}, "])
def test_the_learned_strength_may_have_a_target(load: Load, target: str) -> None:
    text = GOOD + f"method: meta-sparsity\nsparsity: {{{target}strength: {{name: learned, cut: 0.4}}}}\n" + LEARNING
    sparsity = sparsity_of(load(text).recipe)
    assert sparsity.strength.options == LearnedOptions(cut=0.4)
    assert (sparsity.target is not None) == ("macs" in target)


@pytest.mark.parametrize("groups", ["channel", "input-channel", "output-channel"])
def test_the_learned_strength_takes_groups_of_every_kind_without_a_target(load: Load, groups: str) -> None:
    text = GOOD + f"method: meta-sparsity\nsparsity: {{strength: learned, groups: {groups}}}\n" + LEARNING
    assert sparsity_of(load(text).recipe).groups == groups


@pytest.mark.parametrize("strength", ["{name: fixed, value: 0.1}", "controller, target: {macs: 0.5}"])
def test_inner_proximal_steps_may_use_any_lambda(load: Load, strength: str) -> None:
    load(GOOD + f"method: meta-sparsity\nsparsity: {{strength: {strength}}}\n" + LEARNING)


def test_a_plugins_update_may_take_inner_proximal_steps(load: Load) -> None:
    rehearsal = "meta: {update: {name: rehearsal, inner_prox: true}}\n"
    load(GOOD + "method: meta-sparsity\nsparsity: {strength: learned}\n" + rehearsal)


@pytest.mark.parametrize("kind", ["macs", "parameters", "channels"])
def test_a_target_is_one_of_three(load: Load, kind: str) -> None:
    target = sparsity_of(load(GOOD + f"method: sparse\nsparsity: {{target: {{{kind}: 0.25}}}}\n").recipe).target
    assert target is not None
    assert target.model_dump(exclude_none=True) == {kind: 0.25}


@pytest.mark.parametrize("groups", ["channel", "input-channel", "output-channel"])
def test_a_lasso_takes_groups_of_every_kind(load: Load, groups: str) -> None:
    text = (
        GOOD + f"method: sparse\nsparsity: {{strength: {{name: fixed, value: 0.1}}, groups: {groups}, metric: adam}}\n"
    )
    assert sparsity_of(load(text).recipe).groups == groups


def test_as_many_images_as_the_episodes_need_are_enough(load: Load) -> None:
    for update in ("{name: maml, episodes: 4}", "{name: simulated-unseen, shots: 4}"):
        load(GOOD + f"method: meta\nmeta: {{update: {update}}}\n")
    load(GOOD + "method: meta\noptim: {accumulate: 4}\n")


def test_null_removes_an_inherited_section(write: Write) -> None:
    recipe = child(write, BOTH + "meta: {update: maml}\n", "method: multi-task\nsparsity: null\nmeta: null\n")
    assert (recipe.method, recipe.sparsity, recipe.meta) == ("multi-task", None, None)


def test_the_command_line_removes_a_section(load: Load) -> None:
    recipe = load(BOTH, ["method=multi-task", "sparsity=null"]).recipe
    assert (recipe.sparsity, recipe.meta) == (None, None)
    with pytest.raises(RecipeErrors, match=r"^r.yaml:11:1: sparsity is read by methods sparse and meta-sparsity, and"):
        load(BOTH, ["method=multi-task"])


def test_the_options_of_an_inherited_strategy_are_changed_one_by_one(write: Write) -> None:
    recipe = child(write, BOTH, "sparsity: {strength: {decay: 0.5}}\n")
    assert sparsity_of(recipe).strength.options == PricedOptions(rounds=12, decay=0.5)
    recipe = child(write, BOTH, "sparsity: {strength: priced}\n")
    assert sparsity_of(recipe).strength.options == PricedOptions(rounds=12)


def test_another_strategy_leaves_the_options_of_the_inherited_one(write: Write) -> None:
    recipe = child(write, BOTH, "sparsity: {strength: controller}\n")
    assert sparsity_of(recipe).strength.options == ControllerOptions()
    recipe = child(write, BOTH + "meta: {update: {name: maml, episodes: 2}}\n", "meta: {update: look-ahead}\n")
    assert meta_of(recipe).update.options == LookAheadOptions()


def test_the_command_line_chooses_a_strategy_before_it_sets_its_options(load: Load) -> None:
    overrides = ["sparsity.strength.value=0.1", "sparsity.strength=fixed", "sparsity.target=null"]
    assert sparsity_of(load(BOTH, overrides).recipe).strength.options == FixedOptions(value=0.1)
    overrides = ["meta.update.steps=3", "meta.update.name=anil"]
    update = meta_of(load(BOTH, overrides).recipe).update
    assert (update.name, update.options.steps) == ("anil", 3)  # type: ignore[union-attr]


@pytest.mark.parametrize("written", ["macs: 0.5", "macs: 0.5, parameters: null, channels: null"])
def test_a_target_replaces_the_inherited_one(load: Load, write: Write, written: str) -> None:
    base = SPARSE.replace("macs: 0.5", written)
    for recipe in (
        child(write, base, "sparsity: {target: {parameters: 0.3}}\n"),
        load(base, ["sparsity.target.parameters=0.3"]).recipe,
        load(base, ["sparsity.target={parameters: 0.3}"]).recipe,
        load(base, ["sparsity.target.parameters=0.3", "sparsity.target.macs=null"]).recipe,
    ):
        target = sparsity_of(recipe).target
        assert target is not None
        assert target.model_dump(exclude_none=True) == {"parameters": 0.3}


def test_a_recipe_without_tasks_says_nothing_about_tasks_in_options(load: Load) -> None:
    text = GOOD.partition("tasks:")[0] + "method: meta\nmeta: {update: {name: maml, combinations: [[depth]]}}\n"
    with pytest.raises(RecipeErrors) as caught:
        load(text)
    assert str(caught.value) == "r.yaml:1:1: tasks is missing; needed: Tasks by name"
