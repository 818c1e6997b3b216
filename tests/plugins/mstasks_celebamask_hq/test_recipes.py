"""Recipes: binary tasks of their own, and the shipped ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from mstasks import Split
from mstasks.errors import MstasksError
from mstasks.experiment import Experiment
from mstasks.recipe import load_recipe

SHIPPED = sorted((Path(__file__).parents[3] / "recipes" / "celebamask_hq").glob("*.yaml"))
RECIPE = """
name: faces
method: multi-task
data:
  dataset: celebamask_hq
  root: {root}
  masks: 3
  attributes: [Male, 5_o_Clock_Shadow, Smiling]
  split: {{name: lists, train: train.txt, val: val.txt, test: test.txt}}
  size: [32, 32]
  batch_size: 2
  augment: [{{HorizontalFlip: {{p: 0.5}}}}]
backbone: {{model: mobilenetv3_small_050, weights: random}}
tasks:
  segmentation: {{}}
  male: {{task: attributes, target: attributes, names: [Male]}}
  moods: {{task: attributes, target: attributes, names: [Smiling, 5_o_Clock_Shadow]}}
optim: {{lr: 1.0e-3, steps: 1}}
"""


@pytest.fixture
def recipe(faces: Any, tmp_path: Path) -> Path:
    for name, ids in (("train", "0\n1\n"), ("val", "2\n"), ("test", "2012\n")):
        (tmp_path / f"{name}.txt").write_text(ids)
    path = tmp_path / "faces.yaml"
    path.write_text(RECIPE.format(root=faces.root))
    return path


def test_attributes_may_be_binary_tasks_of_their_own(recipe: Path) -> None:
    experiment = Experiment(load_recipe(str(recipe), [], []))
    names = {name: bound.task.info.names for name, bound in experiment.tasks.items()}
    assert names == {
        "segmentation": ("background", "hair", "skin"),
        "male": ("Male",),
        "moods": ("Smiling", "5_o_Clock_Shadow"),
    }
    (batch,) = experiment.batches("train")
    assert list(batch.ids) == ["0", "1"]
    raw = batch.targets["attributes"]
    assert raw.value.tolist()[0] == [0, 1, 0]  # attributes 1 to 20 of the file are present, Male and Smiling come later
    male, moods = (experiment.tasks[name].task.prepare(raw) for name in ("male", "moods"))
    assert male.value.tolist()[0] == [0]
    assert moods.value.tolist()[0] == [0, 1]
    assert male.valid.tolist() == [[True], [False]]


def test_lists_are_found_beside_the_recipe(recipe: Path) -> None:
    experiment = Experiment(load_recipe(str(recipe), [], []))
    assert [tuple(experiment.ids(split)) for split in ("train", "val", "test")] == [("0", "1"), ("2",), ("2012",)]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.attributes=[Male, Smilling]", r"data.attributes .*Did you mean 'Smiling'\?"),
        ("data.masks=[hiar]", r"data.masks .*Did you mean 'hair'\?"),
        ("data.split=hsh", r"data.split is the text 'hsh'; .* did you mean 'hash'\?"),
        ("data.split={name: hsh}", r"data.split.name .* did you mean 'hash'\?"),
        ("data.split={name: hash, val_fracton: 0.2}", r"unknown key 'val_fracton' in data.split; .*'val_fraction'\?"),
    ],
)
def test_a_wrong_option_is_explained_where_it_is_written(recipe: Path, override: str, message: str) -> None:
    with pytest.raises(MstasksError, match=message):
        load_recipe(str(recipe), [override], [])


def test_there_are_shipped_recipes() -> None:
    assert {path.name for path in SHIPPED} == {"mini.yaml", "multi_task.yaml"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_read_every_image_and_its_labels(path: Path, faces: Any) -> None:
    overrides = [f"data.root={faces.root}", "data.split=hash", "data.workers=0"]
    experiment = Experiment(load_recipe(str(path), overrides, []))
    labelled: dict[str, set[str]] = {}
    splits = {split: experiment.dataset.ids(split) for split in get_args(Split)}  # val may be empty
    for batch in (batch for split, ids in splits.items() for batch in experiment.batches(split, ids)):
        assert batch.images.shape[1:] == (3, *experiment.recipe.data.size)
        for i, id in enumerate(batch.ids):
            targets = {name: task.task.prepare(batch.targets[task.target]) for name, task in experiment.tasks.items()}
            labelled[id] = {name for name, target in targets.items() if target.valid[i].any()}
    every = set(experiment.tasks)
    assert labelled == {"0": every, "1": {"segmentation"}, "2": set(), "2012": set()}


@pytest.mark.real_data
def test_the_small_recipe_takes_attributes_that_are_about_as_often_present_as_absent(test_data: Path) -> None:
    """All of the 40 that 40 to 60 % of the fully annotated images have, as its first lines say; and no other."""
    path = next(path for path in SHIPPED if path.stem == "mini")
    lines = (test_data / "celebamask_hq_mini/CelebAMask-HQ/CelebAMask-HQ-attribute-anno.txt").read_text().splitlines()
    rows = [[int(value) for value in line.split()[1:]] for line in lines[2:]]
    whole = [row for row in rows if 0 not in row]
    shares = {name: sum(row[i] == 1 for row in whole) / len(whole) for i, name in enumerate(lines[1].split())}
    balanced = tuple(name for name, share in shares.items() if 0.4 <= share <= 0.6)
    loaded = load_recipe(str(path), ["data.split=hash"], [])
    assert Experiment(loaded).tasks["attributes"].task.info.names == balanced
