"""A recipe that extends another is that recipe with what it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from bad_recipes import GOOD
from recipe_fixtures import Write

from mstasks.recipe import LoadedRecipe, RecipeErrors, load_recipe
from mstasks.recipe.resolved import document


def loaded(name: str = "r.yaml", *overrides: str) -> LoadedRecipe:
    return load_recipe(name, overrides, ["recipe_kitchen"])


def test_mappings_merge_scalars_and_lists_replace(write: Write) -> None:
    write(GOOD + "optim: {lr: 0.5, steps: 7}\n", "base.yaml")
    write("extends: base.yaml\nname: child\ndata: {size: [32, 48]}\noptim: {steps: 9}\n")
    recipe = loaded().recipe
    assert (recipe.name, recipe.data.size, recipe.data.batch_size) == ("child", (32, 48), 8)
    assert (recipe.optim.lr, recipe.optim.steps) == (0.5, 9)
    assert list(recipe.tasks) == ["labels", "depth"]


def test_an_empty_child_is_its_base(write: Write) -> None:
    write(GOOD, "base.yaml")
    write("extends: base.yaml\n")
    assert loaded().recipe == loaded("base.yaml").recipe


def test_options_of_a_task_are_inherited_when_one_changes(write: Write) -> None:
    write(GOOD.replace("{loss: berhu}", "{loss: berhu, cap: 3.5, weight: 2, head: {block: full}}"), "base.yaml")
    write("extends: base.yaml\ntasks: {depth: {cap: 4.5, head: aspp}}\n")
    depth = document(loaded().recipe)["tasks"]["depth"]
    assert depth == {
        "task": "depth",
        "target": "depth",
        "weight": 2.0,
        "head": {"name": "aspp", "block": "full"},
        "loss": "berhu",
        "cap": 4.5,
    }


def test_null_removes_an_inherited_task_and_an_empty_mapping_keeps_it(write: Write) -> None:
    write(GOOD, "base.yaml")
    write("extends: base.yaml\ntasks: {labels: null, depth: {}, plain: null}\n")
    recipe = loaded().recipe
    assert list(recipe.tasks) == ["depth", "plain"]
    assert document(recipe)["tasks"]["depth"]["loss"] == "berhu"


def test_bases_chain_and_the_nearest_wins(write: Write) -> None:
    write(GOOD + "optim: {lr: 0.1, steps: 1, clip: 0.1}\n", "a.yaml")
    write("extends: a.yaml\noptim: {lr: 0.2, steps: 2}\n", "b.yaml")
    write("extends: b.yaml\noptim: {lr: 0.3}\n")
    optim = loaded().recipe.optim
    assert (optim.lr, optim.steps, optim.clip) == (0.3, 2, 0.1)


def test_of_several_bases_the_later_wins(write: Write) -> None:
    write(GOOD + "optim: {lr: 0.1, steps: 1}\n", "a.yaml")
    write("optim: {lr: 0.2}\nseed: 3\n", "b.yaml")
    write("extends: [a.yaml, b.yaml]\n")
    recipe = loaded().recipe
    assert (recipe.optim.lr, recipe.optim.steps, recipe.seed) == (0.2, 1, 3)


def test_two_bases_may_share_a_base(write: Write) -> None:
    write(GOOD, "root.yaml")
    write("extends: root.yaml\nseed: 1\n", "a.yaml")
    write("extends: root.yaml\noptim: {lr: 0.2}\n", "b.yaml")
    write("extends: [a.yaml, b.yaml]\n")
    recipe = loaded().recipe
    assert (recipe.seed, recipe.optim.lr) == (1, 0.2)


def test_a_base_is_looked_for_beside_the_file_that_names_it(write: Write) -> None:
    write(GOOD, "sub/root.yaml")
    write("extends: root.yaml\nseed: 1\n", "sub/base.yaml")
    write("extends: sub/base.yaml\n")
    found = loaded()
    assert found.recipe.seed == 1
    assert found.origins["name",] == "sub/root.yaml:1:7"
    assert found.origins["seed",] == "sub/base.yaml:2:7"


def test_a_shipped_recipe_is_a_base_by_its_name(write: Write) -> None:
    write("extends: starter\nseed: 1\n")
    found = loaded()
    assert found.recipe.name == "toy-run"
    assert found.origins["name",].endswith("shipped/starter.yaml:2:7")


def test_the_base_may_be_chosen_by_a_variable(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write(GOOD, "base.yaml")
    write("extends: ${RECIPE_BASE:-nothing}.yaml\n")
    monkeypatch.setenv("RECIPE_BASE", "base")
    assert loaded().recipe.name == "toy-run"


def test_another_data_set_leaves_the_options_of_the_inherited_one(write: Write) -> None:
    write(GOOD.replace("dataset: toy", "dataset: toy\n  classes: 13\n  gamma: 2"), "base.yaml")
    write("extends: base.yaml\ndata: {dataset: bare}\ntasks: {labels: null}\n")
    data = loaded().recipe.data
    assert (data.dataset, data.options, data.size) == ("bare", None, (64, 96))
    write("extends: base.yaml\ndata: {dataset: toy, gamma: 3}\n")
    assert document(loaded().recipe)["data"]["classes"] == 13


def test_another_task_under_the_same_key_leaves_the_options_of_the_inherited_one(write: Write) -> None:
    write(GOOD.replace("{loss: berhu}", "{loss: berhu, weight: 2}"), "base.yaml")
    write("extends: base.yaml\ntasks: {depth: {task: plain}}\n")
    entry = loaded().recipe.tasks["depth"]
    assert (entry.task, entry.target, entry.weight, entry.options) == ("plain", "depth", 2.0, None)


def test_another_loss_weighting_leaves_the_options_of_the_inherited_one(write: Write) -> None:
    write(GOOD + "loss_weighting: {name: learned, temperature: 3}\n", "base.yaml")
    write("extends: base.yaml\nloss_weighting: {name: uncertainty}\n")
    assert document(loaded().recipe)["loss_weighting"] == {"name": "uncertainty"}
    write("extends: base.yaml\nloss_weighting: learned\n")
    assert document(loaded().recipe)["loss_weighting"] == {"name": "learned", "temperature": 3.0}


def test_a_variable_that_the_child_replaces_need_not_be_set(write: Write) -> None:
    write(GOOD.replace("toy-run", "${NO_SUCH_NAME}"), "base.yaml")
    write("extends: base.yaml\nname: mine\n")
    assert loaded().recipe.name == "mine"


def test_a_plugin_file_is_looked_for_beside_the_file_that_names_it(write: Write, folder: Path) -> None:
    write("from recipe_kitchen import *\nfrom recipe_kitchen import register_tasks\n", "sub/side_plugin.py")
    write(GOOD + "plugins: [side_plugin.py]\n", "sub/base.yaml")
    write("extends: sub/base.yaml\n")
    with pytest.raises(RecipeErrors) as caught:  # its tasks clash with the kitchen's: so it was found and loaded
        loaded()
    assert "sub/side_plugin.py" in str(caught.value)
