from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from mstasks.errors import Interrupted
from mstasks.fit import fit, start_run
from mstasks.recipe import load_recipe
from mstasks.runfolder import RunFolder
from mstasks.trained import score_run

RECIPE = """
name: tiny
data: {dataset: scenes, size: [48, 64], train: 24, val: 6, test: 6, batch_size: 4, augment: [{HorizontalFlip: {p: 0.5}}]}
backbone: {model: mobilenetv3_small_050}
decoder: {width: 16}
tasks: {segmentation: {}, depth: {}, attributes: {}}
optim: {lr: 1.0e-3, steps: 6, ema: 0.5}
loss_weighting: uncertainty
run: {evaluate_every: 3, log_every: 2, pictures: 2}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(RECIPE)
    return path


def train(recipe: Path, overrides: Sequence[str] = ()) -> RunFolder:
    loaded = load_recipe(recipe, overrides)
    run = start_run(loaded, recipe.parent / "runs")
    fit(loaded, run, Console(quiet=True))
    return run


def test_a_run_leaves_what_it_promises(recipe: Path) -> None:
    run = train(recipe)
    expected = {
        "recipe.yaml", "resolved.yaml", "environment.json", "metrics.jsonl", "log.txt", "summary.json", "checkpoints",
        "predictions", "curves.png", "constants.json", "splits.json",
    }  # fmt: skip
    assert {path.name for path in run.path.iterdir()} == expected
    assert {path.name for path in run.predictions.iterdir()} == {
        "segmentation.png",
        "depth.png",
        "attributes.png",
        "overview.png",
    }
    summary = run.read_summary()
    assert summary["steps"] == 6
    assert summary["images"] == 24
    assert summary["tasks"]["depth"]["primary"] == "rmse"
    assert not summary["tasks"]["depth"]["higher_is_better"]
    directions = summary["tasks"]["depth"]["directions"]
    assert (directions["rmse"], directions["abs"], directions["delta1"]) == (False, False, True)
    assert (
        set(summary["tasks"]["depth"]["test"]) == set(summary["tasks"]["depth"]["constant"]) > {"rmse", "abs", "delta1"}
    )
    assert set(summary["network"]) == {"backbone", "trunk", "heads.segmentation", "heads.depth", "heads.attributes"}
    rows = list(run.rows())
    assert [row["step"] for row in rows if row["split"] == "train"] == [2, 4, 6]
    assert [row["step"] for row in rows if row["split"] == "val"] == [3, 6]
    assert set(rows[0]["loss"]) == {"segmentation", "depth", "attributes"}


def test_eval_gives_the_runs_own_test_numbers_exactly(recipe: Path) -> None:
    run = train(recipe)
    again = json.loads(json.dumps(score_run(run, "test")))
    assert again == run.read_summary()["tasks"]


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    index = json.loads((run.checkpoints / "index.json").read_text())
    folder = run.checkpoints / index["last"]
    return {**load_file(folder / "model.safetensors"), **load_file(folder / "average.safetensors")}


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(recipe: Path) -> None:
    first, second, other = train(recipe), train(recipe), train(recipe, ["seed=1"])
    assert first.path != second.path
    a, b, c = weights(first), weights(second), weights(other)
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not all(torch.equal(a[key], c[key]) for key in a)


@pytest.mark.parametrize("stop_after", [1, 4])
def test_an_interrupted_run_goes_on_to_the_same_bits(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, stop_after: int
) -> None:
    whole = train(recipe)
    loaded = load_recipe(recipe)
    run = start_run(loaded, recipe.parent / "runs")
    from mstasks.train import loop

    step, calls = loop.train_step, []

    def interrupting(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == stop_after:
            os.kill(os.getpid(), signal.SIGINT)
        return step(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "train_step", interrupting)
    with pytest.raises(Interrupted, match=rf"stopped at step {stop_after} of 6; saved"):
        fit(loaded, run, Console(quiet=True))
    monkeypatch.setattr(loop, "train_step", step)
    assert not run.summary.exists()
    fit(load_recipe(run.recipe), run, Console(quiet=True), resume=True)
    a, b = weights(whole), weights(run)
    assert all(torch.equal(a[key], b[key]) for key in a)
    scores = [r.read_summary()["tasks"] for r in (whole, run)]
    assert scores[0] == scores[1]


def test_single_task_trains_one_complete_run_a_task(recipe: Path) -> None:
    run = train(recipe, ["method=single-task", "optim.steps=2"])
    children = run.children()
    assert set(children) == {"segmentation", "depth", "attributes"}
    summary = run.read_summary()
    assert summary["method"] == "single-task"
    assert summary["images"] == 3 * 2 * 4
    for name, child in children.items():
        own = child.read_summary()
        assert set(own["tasks"]) == {name}
        assert own["tasks"][name] == summary["tasks"][name]
        assert score_run(child, "test") == own["tasks"]
    assert "trunk" not in children["attributes"].read_summary()["network"]
    assert score_run(run, "test") == summary["tasks"]


def test_a_complete_run_is_left_alone_by_resume(recipe: Path) -> None:
    run = train(recipe)
    before = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    fit(load_recipe(run.recipe), run, Console(quiet=True), resume=True)
    assert before == {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}


def test_ctrl_c_on_the_command_line_saves_and_exits_with_75(recipe: Path) -> None:
    command = [sys.executable, "-m", "mstasks", "fit", recipe.name, "optim.steps=100000", "run.log_every=1"]
    process = subprocess.Popen(command, cwd=recipe.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("step 2/"):
            process.send_signal(signal.SIGINT)
            break
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    assert lines[0].startswith("run: runs/tiny/001")
    assert "saved. Go on with: mstasks fit --resume runs/tiny/001" in errors
    assert "Traceback" not in errors
    assert (recipe.parent / "runs/tiny/001/checkpoints/index.json").is_file()


def test_the_constant_prediction_of_a_run_is_that_of_its_train_labels(recipe: Path) -> None:
    from mstasks.experiment import Experiment

    run = train(recipe, ["optim.steps=1"])
    constants = json.loads((run.path / "constants.json").read_text())
    experiment = Experiment(load_recipe(run.recipe))
    samples = [experiment.dataset.load(i, ["depth", "attributes"]) for i in experiment.ids("train")]
    depth = np.concatenate([s.targets["depth"].value[s.targets["depth"].valid] for s in samples])
    assert constants["depth"][0] == pytest.approx(float(depth.astype(np.float64).mean()), rel=1e-5)
    attributes = np.mean([s.targets["attributes"].value for s in samples], axis=0)
    assert constants["attributes"] == pytest.approx(attributes.tolist(), rel=1e-5)


def test_a_dry_run_trains_nothing(recipe: Path) -> None:
    began = time.monotonic()
    command = [sys.executable, "-m", "mstasks", "fit", recipe.name, "--dry-run"]
    done = subprocess.run(command, cwd=recipe.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = [line.split()[0] for line in done.stdout.splitlines()]
    assert shown == ["networks", "steps", "parameters", "MACs", "time", "memory", "disk"]
    assert not (recipe.parent / "runs").exists()
    assert time.monotonic() - began < 60


PLUGIN = """
from mstasks import PooledMean, TargetKind, Task, TaskSpec, hookimpl, per_example_mean
{extra}
class Moved(Task):
    kind, channels = TargetKind.DEPTH_MAP, 1

    def loss(self, prediction, target):
        return per_example_mean((prediction - target.value).abs(), target.valid)

    def metrics(self):
        return {{"abs": PooledMean(lambda p, t: (p - t.value).abs(), higher_is_better=False, best_value=0.0)}}

@hookimpl
def register_tasks():
    return [TaskSpec(name="moved", summary="Moved.", factory="{stem}:Moved")]
"""


@pytest.mark.parametrize("neighbour", [False, True])
def test_a_run_outlives_its_plugin_file(recipe: Path, neighbour: bool) -> None:
    stem = f"outlived_{neighbour}".lower()
    (recipe.parent / f"{stem}_neighbour.py").write_text("")
    extra = f"import {stem}_neighbour" if neighbour else ""
    plugin = recipe.parent / f"{stem}.py"
    plugin.write_text(PLUGIN.format(extra=extra, stem=stem))
    run = train(recipe, [f"plugins=[{plugin}]", "tasks.moved={target: depth}", "optim.steps=1"])
    assert (run.path / "plugins" / plugin.name).is_file() is not neighbour
    if not neighbour:
        plugin.unlink()
    command = [sys.executable, "-m", "mstasks", "eval", str(run.path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "abs" in json.loads(done.stdout)["tasks"]["moved"]["test"]


def test_ctrl_c_in_a_single_task_run_names_the_run_that_goes_on_with_all_tasks(recipe: Path) -> None:
    command = [sys.executable, "-m", "mstasks", "fit", recipe.name, "method=single-task", "optim.steps=100000"]
    command.append("run.log_every=1")
    process = subprocess.Popen(command, cwd=recipe.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step 1/"):
            process.send_signal(signal.SIGINT)
            break
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    assert errors.rstrip().endswith("Go on with: mstasks fit --resume runs/tiny/001")


def test_sigterm_to_the_whole_group_saves_with_loader_processes(recipe: Path) -> None:
    command = [sys.executable, "-m", "mstasks", "fit", recipe.name, "data.workers=1", "optim.steps=100000"]
    command.append("run.log_every=1")
    process = subprocess.Popen(
        command, cwd=recipe.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step 1/"):
            os.killpg(process.pid, signal.SIGTERM)
            break
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    assert (recipe.parent / "runs/tiny/001/checkpoints/index.json").is_file()


def test_a_task_that_refuses_its_options_leaves_no_run_behind(recipe: Path) -> None:
    command = [sys.executable, "-m", "mstasks", "fit", recipe.name, "tasks.attributes.names=[bal]"]
    done = subprocess.run(command, cwd=recipe.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "task 'attributes': `names` names 'bal'" in done.stderr
    assert not (recipe.parent / "runs").exists()


LABELLESS = """
import numpy as np
from mstasks import DatasetSpec, Sample, TargetInfo, TargetKind, hookimpl

class Photos:
    def __init__(self, options, size): pass

    def ids(self, split): return [f"{split}-{index}" for index in range(4)]

    def load(self, id, targets):
        if id == BROKEN:
            raise OSError("Truncated File Read")
        return Sample(id, np.zeros((40, 40, 3), np.uint8), {})

def targets(options): return {"depth": TargetInfo(TargetKind.DEPTH_MAP)}

@hookimpl
def register_datasets():
    return [DatasetSpec(name="photos", summary="Photos.", factory="STEM:Photos", targets="STEM:targets")]
"""


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("''", "task 'depth': none of 4 train images has a label for 'depth'"),
        ("'train-2'", "sample 'train-2': Truncated File Read"),
    ],
)
def test_data_that_nothing_can_be_learned_from_is_named(tmp_path: Path, broken: str, expected: str) -> None:
    (tmp_path / "photo_plugin.py").write_text(LABELLESS.replace("BROKEN", broken).replace("STEM", "photo_plugin"))
    (tmp_path / "p.yaml").write_text(
        "name: p\nplugins: [./photo_plugin.py]\ndata: {dataset: photos, size: [48, 48], batch_size: 4}\n"
        "backbone: {model: mobilenetv3_small_050}\ntasks: {depth: {}}\noptim: {steps: 1}\n"
    )
    command = [sys.executable, "-m", "mstasks", "fit", "p.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2)
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
