"""An override is a recipe of one value on top of the file."""

from __future__ import annotations

import pytest
from bad_recipes import GOOD, changed
from recipe_fixtures import Load

from mstasks.recipe import RecipeErrors
from mstasks.recipe.resolved import document


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("optim.lr=1e-3", ("optim", "lr"), 0.001),
        ("optim.clip=null", ("optim", "clip"), None),
        ("seed=12", ("seed",), 12),
        ("name=other", ("name",), "other"),
        ("name='12'", ("name",), "12"),
        ("data.size=[32, 48]", ("data", "size"), [32, 48]),
        ("data.size.1=48", ("data", "size"), [64, 48]),
        ("data.shuffle=true", ("data", "shuffle"), True),
        ("data.names=[yes, a=b]", ("data", "names"), ["yes", "a=b"]),
        (
            "data.augment=[Blur, {HorizontalFlip: {p: 0.1}}]",
            ("data", "augment"),
            [{"Blur": {}}, {"HorizontalFlip": {"p": 0.1}}],
        ),
        ("tasks.depth.loss=l1", ("tasks", "depth", "loss"), "l1"),
        ("tasks.depth.head=aspp", ("tasks", "depth", "head"), {"name": "aspp", "block": "separable"}),
        ("tasks.labels.class_weights.class 3=2", ("tasks", "labels", "class_weights"), {"class 3": 2.0}),
        ("tasks.labels={smoothing: 0.5}", ("tasks", "labels", "smoothing"), 0.5),
        ("loss_weighting=learned", ("loss_weighting",), {"name": "learned", "temperature": 1.0}),
        ("loss_weighting={name: learned, temperature: 2}", ("loss_weighting", "temperature"), 2.0),
    ],
)
def test_an_override_sets(load: Load, override: str, path: tuple[str, ...], value: object) -> None:
    loaded = load(overrides=[override])
    found = document(loaded.recipe)
    for key in path:
        found = found[key]
    assert found == value
    assert "command line" in {origin for other, origin in loaded.origins.items() if other[: len(path)] == path}


def test_nothing_else_changes(load: Load) -> None:
    plain, changed_ = document(load().recipe), document(load(overrides=["optim.lr=0.5"]).recipe)
    plain["optim"]["lr"] = 0.5
    assert plain == changed_


def test_a_mapping_merges(load: Load) -> None:
    recipe = load(overrides=["tasks={plain: {}}", "tasks.depth={cap: 2.5}"]).recipe
    assert list(recipe.tasks) == ["labels", "depth", "plain"]
    assert document(recipe)["tasks"]["depth"]["loss"] == "berhu"


def test_null_removes_a_task(load: Load) -> None:
    assert list(load(overrides=["tasks.labels=null"]).recipe.tasks) == ["depth"]


def test_the_last_of_two_wins(load: Load) -> None:
    assert load(overrides=["seed=1", "seed=2"]).recipe.seed == 2


def test_an_argument_of_an_augmentation_by_its_index(load: Load) -> None:
    text = changed("batch_size: 8", "augment: [Blur, {HorizontalFlip: {p: 0.5}}]")
    augment = load(
        text, ["data.augment.1.HorizontalFlip.p=0.1", "data.augment.0.Blur.blur_limit=[3, 5]"]
    ).recipe.data.augment
    assert augment == ({"Blur": {"blur_limit": [3, 5]}}, {"HorizontalFlip": {"p": 0.1}})


@pytest.mark.parametrize("order", [1, -1])
def test_another_data_set_with_its_options_in_any_order(load: Load, order: int) -> None:
    overrides = ["data.dataset=needy", "data.root=/x", "tasks.labels=null"][::order]
    data = load(changed("dataset: toy", "dataset: toy\n  gamma: 2"), overrides).recipe.data
    assert (data.dataset, str(data.options.root)) == ("needy", "/x")


def test_a_missing_key_is_reported_where_the_section_is_written(load: Load) -> None:
    with pytest.raises(RecipeErrors, match=r"^r.yaml:2:1: data.root is missing"):
        load(GOOD, ["data.dataset=needy", "tasks.labels=null"])
