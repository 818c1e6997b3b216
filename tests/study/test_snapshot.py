"""A job's recipe reads back as what the study has read, wherever it lies; other arms' runs are put in their places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from study_bench import RECIPE, STUDY, Bench

from mstasks.recipe import load_recipe
from mstasks.recipe.resolved import document
from mstasks.study.find import shipped_studies
from mstasks.study.load import load_study
from mstasks.study.recipes import anywhere
from mstasks.study.snapshot import references, snapshot

PLUGIN = """\
from mstasks import hookimpl


@hookimpl
def register_tasks():
    return []
"""


@pytest.mark.parametrize("name", shipped_studies())
def test_the_recipe_of_every_arm_of_a_shipped_study_reads_back_as_it_is(name: str, tmp_path: Path) -> None:
    loaded = load_study(name)
    for arm in loaded.arms.values():
        recipe = loaded.recipes.load(arm)
        (tmp_path / "recipe.yaml").write_text(snapshot(recipe), encoding="utf-8")
        assert document(load_recipe(tmp_path / "recipe.yaml").recipe) == document(recipe.recipe)


def test_relative_paths_plugins_and_overrides_are_in_it_and_defaults_are_not(bench: Bench, tmp_path: Path) -> None:
    for name in ("extra", "more"):
        (bench.folder / f"{name}.py").write_text(PLUGIN)
    (bench.folder / "few.txt").write_text("")
    (bench.folder / "base.yaml").write_text(
        RECIPE.replace("train: 16,", "train: 16, exclude: few.txt,") + "plugins: [extra.py]\ndecoder: {}\n"
    )
    loaded = load_study(bench.write(), ["optim.lr=0.5"], [str(bench.folder / "more.py")])
    recipe = loaded.recipes.load(loaded.arms["sparse"])
    text = snapshot(recipe)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/recipe.yaml").write_text(text)
    again = load_recipe(tmp_path / "elsewhere/recipe.yaml").recipe
    assert document(again) == document(recipe.recipe)
    assert again.data.exclude == bench.folder / "few.txt"
    assert again.plugins == (str(bench.folder / "extra.py"), str(bench.folder / "more.py"))
    assert "decoder: {}" in text
    assert not re.search("weight_decay|evaluate_every|null", text)


@pytest.mark.parametrize("folder", ["/runs/dense/001", "/my runs/${HOME}: 1"])
def test_runs_of_other_arms_are_put_in_their_places(bench: Bench, folder: str, tmp_path: Path) -> None:
    changed = '["sparsity.reference={arm.dense}", "adapt.baselines=[scratch, {arm.dense}]", method=sparse,'
    loaded = bench.load(STUDY.replace("[method=sparse,", changed))
    arm = loaded.arms["sparse"]
    recipe = loaded.recipes.load(arm)
    texts = references(recipe, arm, lambda name: f"{folder}/{name}")
    (tmp_path / "recipe.yaml").write_text(snapshot(recipe))
    again = load_recipe(tmp_path / "recipe.yaml", texts).recipe
    assert again.sparsity is not None
    assert str(again.sparsity.reference) == f"{folder}/dense"
    assert [str(baseline) for baseline in again.adapt.baselines] == ["scratch", f"{folder}/dense"]
    assert anywhere("dense") not in str(document(again))
