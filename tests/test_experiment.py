"""From a recipe to batches, and to what makes its network sparse."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from mstasks.errors import UsageError
from mstasks.experiment import Experiment
from mstasks.recipe import load_recipe

RECIPE = """
name: tiny
method: meta
data: {dataset: scenes, size: [32, 32], batch_size: 6, train: 12, val: 6, test: 2}
backbone: {model: test_resnet}
tasks: {depth: {}}
optim: {steps: 3}
"""


@pytest.fixture
def experiment(tmp_path: Path) -> Callable[..., Experiment]:
    def make(*overrides: str) -> Experiment:
        (tmp_path / "tiny.yaml").write_text(RECIPE)
        return Experiment(load_recipe(tmp_path / "tiny.yaml", overrides))

    return make


def test_queries_come_from_the_train_split_by_default(experiment: Callable[..., Experiment]) -> None:
    ids = [id for batch in experiment().train_batches(0) for id in batch.ids]
    assert len(ids) == 18
    assert {id.split("/")[0] for id in ids} == {"train"}


def test_queries_come_from_the_validation_split_if_asked(experiment: Callable[..., Experiment]) -> None:
    batches = list(experiment("meta.query_split=val").train_batches(0))
    assert len(batches) == 3
    for batch in batches:
        assert [id.split("/")[0] for id in batch.ids] == ["train", "val"] * 3
    resumed = list(experiment("meta.query_split=val").train_batches(2))
    assert [batch.ids for batch in resumed] == [batches[2].ids]


def test_a_batch_that_the_splits_cannot_share_is_refused(experiment: Callable[..., Experiment]) -> None:
    with pytest.raises(
        UsageError, match=r"data.batch_size is 5, of which `meta.query_split: val` .* a multiple of 2\."
    ):
        experiment("meta.query_split=val", "data.batch_size=5").train_batches(0)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_the_floor_of_a_recipe_holds_for_every_space(share: float, experiment: Callable[..., Experiment]) -> None:
    made = experiment("method=sparse", "sparsity.target.macs=0.9", f"sparsity.floor={share}")
    strength = made.build_strength(made.build_network())
    assert strength is not None
    spaces = strength.part.groups.spaces
    assert len(spaces) > 10
    assert [space.floor for space in spaces] == [max(1, math.ceil(share * space.size)) for space in spaces]


def test_the_target_of_a_recipe_is_the_budget(experiment: Callable[..., Experiment]) -> None:
    for kind in ("macs", "parameters", "channels"):
        made = experiment("method=sparse", f"sparsity.target.{kind}=0.7", "sparsity.scope=backbone")
        strength = made.build_strength(made.build_network())
        assert strength is not None
        budget = strength.part.budget
        assert budget is not None
        assert (budget.kind, budget.target, strength.part.groups.scope) == (kind, 0.7, "backbone")


def test_a_target_below_the_floors_is_refused_with_its_place(experiment: Callable[..., Experiment]) -> None:
    made = experiment("method=sparse", "sparsity.target.macs=0.01", "sparsity.floor=0.5")
    with pytest.raises(UsageError, match=r"^command line: sparsity.target: macs 0.01 cannot be reached: .* Allowed: "):
        made.build_strength(made.build_network())
