"""From a recipe to batches and a trained network; and what a recipe that does not fit is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from jsonschema import Draft202012Validator
from numpy.typing import ArrayLike
from rich.console import Console

from mstasks.experiment import Experiment
from mstasks.fit import fit, start_run
from mstasks.plugins import load_plugins
from mstasks.recipe import RecipeErrors, list_recipes, load_recipe, recipe_schema

Save = Callable[[str, ArrayLike], Path]
Load = Callable[..., Experiment]

RECIPE = """
name: mine
data:
  dataset: folder
  root: .
  targets:
    parts: {kind: label-map, values: {rest: 0, left: 50, right: 100}, invalid: [255], pairs: [[left, right]]}
    depth: {kind: depth-map, unit: millimetres}
    normals: {kind: vector-map, encoding: unsigned, axes: [x, -y, -z]}
    edges: {kind: scalar-map, range: [0, 255]}
    facts: {kind: attributes, csv: labels.csv, columns: [even]}
  split: {val: 0.2, test: 0.2}
  size: [32, 32]
  batch_size: 4
backbone: {model: test_resnet}
decoder: {width: 16}
tasks: {parts: {task: segmentation}, depth: {}, normals: {}, edges: {}, facts: {task: attributes}}
optim: {steps: 3}
run: {evaluate_every: 3, pictures: 1}
"""


@pytest.fixture
def load(tmp_path: Path, save: Save) -> Load:
    """Twenty images, each brighter than the one before, of which every third has no depth; left half, right half."""
    parts = np.full((32, 32), 50, np.uint8)
    parts[:, 16:] = 100
    parts[:4], parts[-4:] = 0, 255
    for number in range(20):
        save(f"images/{number:02d}.png", np.full((32, 32, 3), 10 * number, np.uint8))
        save(f"parts/{number:02d}.png", parts)
        save(f"normals/{number:02d}.png", np.full((32, 32, 3), (204, 128, 230), np.uint8))
        save(f"edges/{number:02d}.png", np.where(parts == 100, 255, 0).astype(np.uint8))
        if number % 3:
            save(f"depth/{number:02d}.png", np.full((32, 32), 100 * number, np.uint16))
    rows = [f"{number:02d}.png,{1 - number % 2}" for number in range(20)]
    (tmp_path / "labels.csv").write_text("\n".join(["id,even", *rows]))
    (tmp_path / "r.yaml").write_text(RECIPE)

    def loader(overrides: Sequence[str] = ()) -> Experiment:
        return Experiment(load_recipe(tmp_path / "r.yaml", overrides))

    return loader


def test_batches_hold_what_the_files_hold(load: Load) -> None:
    batches = list(load().batches("train"))
    ids = [id for batch in batches for id in batch.ids]
    assert len(ids) == 12
    for batch in batches:
        for row, id in enumerate(batch.ids):
            number = int(id)
            depth, facts = batch.targets["depth"], batch.targets["facts"]
            assert bool(depth.valid[row].all()) == bool(number % 3)
            assert torch.allclose(depth.value[row][depth.valid[row]], torch.tensor(number / 10))
            assert facts.value[row].tolist() == [1 - number % 2]
            assert batch.targets["edges"].value[row, 0, 10].tolist() == [0.0] * 16 + [1.0] * 16
            normal = batch.targets["normals"].value[row, :, 5, 5]
            assert normal.tolist() == pytest.approx([0.6, 0.0, -0.8], abs=0.01)  # towards the camera, as axes say


def test_a_flip_swaps_the_declared_pair_so_that_left_stays_left(load: Load) -> None:
    flipped = load(["data.augment=[{HorizontalFlip: {p: 1.0}}]"])
    parts = next(flipped.train_batches(0)).targets["parts"]
    assert parts.valid[:, :28].all()
    assert not parts.valid[:, 28:].any()
    assert parts.value[:, :4].unique().tolist() == [0]
    # Left and right are of the person: what is seen on the left after the flip is the left part again.
    assert parts.value[:, 4:28, :16].unique().tolist() == [1]
    assert parts.value[:, 4:28, 16:].unique().tolist() == [2]


def test_without_the_pair_a_flip_moves_only(load: Load) -> None:
    flipped = load(["data.augment=[{HorizontalFlip: {p: 1.0}}]", "data.targets.parts.pairs=[]"])
    assert next(flipped.train_batches(0)).targets["parts"].value[:, 4:28, :16].unique().tolist() == [2]


def test_a_network_is_trained_and_scored_on_every_target(load: Load, tmp_path: Path) -> None:
    loaded = load().loaded
    run = start_run(loaded, tmp_path / "runs")
    fit(loaded, run, Console(quiet=True))
    summary = json.loads((run.path / "summary.json").read_text())
    assert set(summary["tasks"]) == {"parts", "depth", "normals", "edges", "facts"}
    assert 0 <= summary["tasks"]["parts"]["test"]["miou"] <= 1
    again = load_recipe(run.path / "resolved.yaml")
    assert Experiment(again).dataset.ids("test") == load().dataset.ids("test")


def test_the_template_is_shipped_and_is_a_recipe() -> None:
    (path,) = [path for name, _, path in list_recipes() if name == "folder/example"]
    infos = Experiment(load_recipe(path)).infos
    assert infos["segmentation"].names == ("floor", "wall", "furniture")
    assert infos["facts"].names == ("indoor", "wet")


def test_colours_of_the_files_are_those_of_pictures(load: Load) -> None:
    coded = "data.targets.coded={kind: label-map, colours: {a: [1, 2, 3], b: [4, 5, 6]}}"
    infos = load([coded, "tasks.coded={task: segmentation}"]).infos
    assert infos["coded"].names == ("a", "b")
    assert infos["coded"].colours == ((1, 2, 3), (4, 5, 6))
    assert infos["parts"].colours == ()


def test_editors_are_told_what_a_target_may_be() -> None:
    schema = Draft202012Validator(recipe_schema(load_plugins()))
    good = yaml.safe_load(RECIPE)
    assert list(schema.iter_errors(good)) == []
    for change in ({"unit": "mm"}, {"kind": "depth"}, {"range": [0, 1]}):
        bad = yaml.safe_load(RECIPE)
        bad["data"]["targets"]["depth"] |= change
        assert list(schema.iter_errors(bad)), change


REFUSED = {
    "targets.image={kind: depth-map, unit: metres}": "a target cannot be called 'image', as the photograph is",
    "targets.a b={kind: depth-map, unit: metres}": "a target's name is letters, digits, '_' and '-'",
    "targets.depth.kind=depth": "data.targets.depth.kind is the text 'depth'; allowed: one of 'label-map', 'depth-map', "
    "'vector-map', 'scalar-map', 'attributes'; did you mean 'depth-map'?",
    "targets.more={unit: metres}": "data.targets.more.kind is missing; allowed: one of 'label-map', 'depth-map', 'vec",
    "targets.depth.scale=0.001": "it gives `unit` and `scale`; give one: unit: millimetres, or scale: 0.001 for the same",
    "targets.depth.unit=null": "it gives neither `unit` nor `scale`",
    "targets.depth.unit=mm": "data.targets.depth.unit is the text 'mm'; allowed: one of 'metres', 'centimetres', 'milli",
    "targets.depth.scal=1": "unknown key 'scal' in data.targets.depth; allowed: folder, ending, kind, unit, scale, "
    "invalid; did you mean 'scale'?",
    "targets.depth.invalid=[x]": "data.targets.depth.invalid.0 is the text 'x'; allowed: a number",
    "targets.parts.names=[a]": "it gives names and values; give one of names, values and colours",
    "targets.parts.values=null": "it gives no classes; give one of names, values and colours",
    "targets.parts.values={more: [7, 50]}": "the stored value '50' stands there twice",
    "targets.parts.first=1": "`first` is the stored value of the first of `names`, which are not given",
    "targets.parts.invalid_colours=[[0, 0, 0]]": "`invalid_colours` belongs to `colours`",
    "targets.parts={colours: {a: [0, 0, 1]}, values: null, pairs: []}": "pixels without a class are `invalid_colours`",
    "targets.parts.pairs=[[left, rihgt]]": "`pairs` speaks of 'rihgt', which is no class; classes: rest, left, right",
    "targets.parts.pairs=[[left, right], [left, rest]]": "in `pairs`, the class 'left' stands there twice",
    "targets.x={kind: label-map, names: [a, a]}": "the class 'a' stands there twice",
    "targets.normals.axes=[x, -x, z]": "in `axes`, the component 'x' stands there twice",
    "targets.normals.axes=[x, y, w]": "data.targets.normals.axes.2 is the text 'w'; allowed: one of 'x', '-x', 'y'",
    "targets.edges.range=[1, 1]": "the two values of `range` must differ",
    "targets.facts.columns=[even, even]": "the column 'even' stands there twice",
    "targets.facts.columns=[even, id]": "the column 'id' stands there twice",
    "targets.depth.folder=images": "the labels of depth lie among the images; give them an `ending` of their own",
    "split={val: 0.5, test: 0.5}": "val and test take 1 of the images; their sum must be below 1",
    "split={train: a, val: a/b}": "folders of splits must differ and not lie in each other. Found a, a/b",
    "images='{split}/images'": "the folder of images is '{split}/images', but `split` names no folders for {split}",
}


@pytest.mark.parametrize("override", REFUSED)
def test_a_recipe_that_does_not_fit_is_refused_before_a_file_is_read(tmp_path: Path, override: str) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE)
    with pytest.raises(RecipeErrors) as refused:
        load_recipe(tmp_path / "r.yaml", [f"data.{override}"])
    (error,) = refused.value.errors
    assert REFUSED[override] in str(error)
