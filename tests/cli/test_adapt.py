"""`mstasks adapt` says what it does, what came of it, what to type next; and in a sentence why it does not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from rich.console import Console
from safetensors.torch import save_file

from mstasks.cli import main
from mstasks.fit import fit, start_run
from mstasks.recipe import load_recipe

RECIPE = """
name: tiny
method: multi-task
data: {dataset: scenes, size: [48, 64], train: 8, val: 2, test: 2, batch_size: 4}
backbone: {model: test_resnet}
decoder: {width: 16}
tasks: {segmentation: {}, attributes: {}}
unseen: {depth: {}, normals: {}}
adapt: {shots: 3, draws: 2, strategy: {name: head-first, steps: 3}, baselines: [scratch]}
optim: {steps: 2}
run: {evaluate_every: 2, pictures: 0}
device: cpu
"""
RUN = "runs/tiny/001"
QUICK = ["adapt.draws=1", "adapt.baselines=[]", "data.test=1"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ``runs/tiny/001`` does segmentation and attributes, and ``runs/alone/001`` holds a network a task."""
    folder = tmp_path_factory.mktemp("adapt")
    (folder / "tiny.yaml").write_text(RECIPE)
    for overrides in ((), ("name=alone", "method=single-task", "optim.steps=1")):
        loaded = load_recipe(folder / "tiny.yaml", overrides)
        fit(loaded, start_run(loaded, folder / "runs"), Console(quiet=True))
    return folder


@pytest.fixture(autouse=True)
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def runs() -> set[str]:
    return {str(path) for path in Path("runs/tiny").iterdir()}


def adapt(capsys: Capture, *arguments: str) -> Any:
    """Run quietly; what JSON was printed."""
    assert main(["adapt", RUN, *arguments, "--json"]) == 0
    printed = capsys.readouterr()
    return json.loads(printed.out)


def refusal(capsys: Capture, *arguments: str, code: int = 2) -> str:
    """Run in vain; the sentence."""
    before = runs()
    assert main(["adapt", *arguments]) == code
    printed = capsys.readouterr()
    assert not printed.out
    assert "Traceback" not in printed.err
    assert runs() == before, "nothing is left behind"
    return printed.err


def test_what_is_done_and_what_came_of_it_is_printed(capsys: Capture) -> None:
    assert main(["adapt", RUN, "--task", "depth", "--out", "made"]) == 0
    lines = capsys.readouterr().out.splitlines()
    summary = json.loads(Path("made/tiny/001/summary.json").read_text())
    assert lines[0] == "run: made/tiny/001"
    assert lines[1] == "task depth from 3 labelled images, 2 draws; strategy head-first, 3 steps"
    assert re.fullmatch(r"part +parameters +zero +steps 1 to 1 +steps 2 to 3", lines[2])
    rows = {re.split("  +", line)[0]: re.split("  +", line)[1:] for line in lines}
    assert rows["backbone"][1:] == ["-", "frozen", "rate 0.0003"]
    assert rows["heads.segmentation"][1:] == ["-", "frozen", "frozen"]
    assert rows["heads.depth (new)"][1:] == ["-", "rate 0.005", "rate 0.005"]
    for number, draw in enumerate(summary["adapt"]["draws"]):
        scores = [f"{column} {draw['scores'][column]['rmse']:.4g}" for column in ("ridge", "trivial", "scratch")]
        start = f"draw {number}: rmse {draw['scores']['adapted']['rmse']:.4g} ({', '.join(scores)}), "
        (line,) = (line for line in lines if line.startswith(f"draw {number}: "))
        assert line.startswith(start)
        assert line.endswith(f" s; support {', '.join(draw['support'])}")
    assert "test split: depth rmse (lower is better), 2 draws" in lines
    columns = summary["adapt"]["columns"]
    assert rows["before"] == [f"{summary['adapt']['before']['rmse']:.4g}"]
    for column, spread in columns.items():
        assert rows[column][:2] == [f"{spread['mean']:.4g}", f"{spread['sd']:.4g}"]
    ahead = columns["scratch"]["mean"] - columns["adapted"]["mean"]
    assert float(rows["scratch"][2].split()[0]) == pytest.approx(ahead, rel=1e-3, abs=1e-6)
    seen = summary["adapt"]["seen"]["segmentation"]
    assert rows["segmentation"] == ["miou", f"{seen['before']['miou']:.4g}", f"{seen['after']['miou']:.4g}"]
    lost = [line for line in lines if line.startswith("note: adapting loses to")]
    means = {column: spread["mean"] for column, spread in columns.items()}
    assert len(lost) == sum(mean < means["adapted"] for column, mean in means.items() if column != "adapted")
    assert lines[-2].endswith("s of it adapting; kept: the network of draw 0")
    assert lines[-1] == "next: mstasks predict made/tiny/001 IMAGE.jpg"


def test_unseen_tasks_of_the_recipe_need_no_flag(capsys: Capture) -> None:
    made = adapt(capsys)
    assert [each["adapt"]["task"] for each in made] == ["depth", "normals"]
    assert len({each["run"] for each in made}) == 2
    for each in made:
        assert json.loads((Path(each["run"]) / "summary.json").read_text()) == {
            key: value for key, value in each.items() if key != "run"
        }
        assert list(each["tasks"]) == ["segmentation", "attributes", each["adapt"]["task"]]
        assert each["parent"] == "../001"
        assert list(each["adapt"]["columns"]) == ["adapted", "ridge", "trivial", "scratch"]


def test_flags_are_overrides(capsys: Capture) -> None:
    made = adapt(
        capsys, "--task", "depth", "--shots", "2", "--draws", "1", "--fast", "--baseline", "scratch", "--baseline", RUN,
        "adapt.strategy.steps=2", "data.test=1",
    )  # fmt: skip
    settings = made["adapt"]
    assert (settings["shots"], len(settings["draws"]), settings["strategy"]["name"]) == (2, 1, "fast")
    assert settings["steps"] == 2
    assert list(made["adapt"]["columns"]) == ["adapted", "ridge", "trivial", "scratch", "tiny/001"]


def test_one_of_each_is_called_one(capsys: Capture) -> None:
    arguments = ["--task", "attributes", "adapt.shots=1", "adapt.strategy={name: all-at-once, steps: 1}"]
    assert main(["adapt", RUN, *arguments, *QUICK]) == 0
    shown = capsys.readouterr().out
    assert "task attributes from 1 labelled image, 1 draw; strategy all-at-once, 1 step\n" in shown
    assert "attributes accuracy (higher is better), 1 draw\n" in shown


def test_a_closed_form_takes_no_steps(capsys: Capture) -> None:
    assert main(["adapt", RUN, "--task", "depth", "adapt.strategy=ridge", *QUICK]) == 0
    shown = capsys.readouterr().out
    assert "strategy ridge, in closed form\n" in shown
    own, beside = (re.search(rf"^{column} +(\S+)", shown, re.M) for column in ("adapted", "ridge"))
    assert own is not None
    assert beside is not None
    assert own[1] == beside[1]


@pytest.mark.parametrize(("shots", "shown"), [(50, 50), (51, 10)])
def test_support_images_are_all_named_up_to_fifty(capsys: Capture, shots: int, shown: int) -> None:
    many = ["--shots", str(shots), f"data.train={shots}", "data.size=[32,32]", "adapt.strategy=ridge"]
    assert main(["adapt", RUN, "--task", "attributes", *many, *QUICK]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = (line for line in lines if line.startswith("draw 0: "))
    run = Path(lines[0].removeprefix("run: "))
    ids = json.loads((run / "summary.json").read_text())["adapt"]["draws"][0]["support"]
    assert len(ids) == shots
    rest = "" if shown == shots else f" and {shots - shown} more, all in {run / 'summary.json'}"
    assert line.endswith(f"; support {', '.join(ids[:shown])}{rest}")


SILENT = """
from mstasks import Adaptation, AdaptationSpec, hookimpl


class Silent(Adaptation):
    def adapt(self, session):
        session.network.heads["depth"].predict.bias.data.fill_(1.0)


@hookimpl
def register_adaptations():
    return [AdaptationSpec("silent", "Says nothing of how it works.", "silent:Silent")]
"""


def test_nothing_is_claimed_of_a_strategy_that_does_not_say_how_it_works(capsys: Capture) -> None:
    Path("silent.py").write_text(SILENT)
    assert main(["adapt", RUN, "--task", "depth", "--plugin", "silent.py", "adapt.strategy=silent", *QUICK]) == 0
    shown = capsys.readouterr().out
    assert "; strategy silent\n" in shown
    assert "frozen" not in shown
    assert "in closed form" not in shown


def test_growth_is_told(capsys: Capture) -> None:
    assert main(["adapt", RUN, "--task", "depth", "adapt.grow=true", *QUICK]) == 0
    assert "channels that came back: 0 of the backbone, 0 of the trunk\n" in capsys.readouterr().out


def test_other_commands_take_the_run(capsys: Capture) -> None:
    made = adapt(capsys, "--task", "depth", *QUICK)
    assert main(["eval", made["run"], "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)["tasks"]
    for task, entry in made["tasks"].items():
        assert scored[task] == entry
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save("image.png")
    assert main(["predict", made["run"], "image.png", "--out", "predicted"]) == 0
    names = {path.name for path in next(Path("predicted").iterdir()).iterdir()}
    assert {"depth.npy", "segmentation.npy", "overview.png"} <= names
    assert main(["export", made["run"], "--format", "torch", "--out", "made.pt2"]) == 0
    assert Path("made.pt2").is_file()
    capsys.readouterr()
    assert main(["adapt", made["run"], *QUICK, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["adapt"]["task"] == "normals", "what is unseen still"


def test_what_is_no_run_is_said_so(capsys: Capture) -> None:
    assert "nowhere: not a run folder: it does not exist" in refusal(capsys, "nowhere", "--task", "depth")


def test_an_unknown_task_is_a_suggestion(capsys: Capture) -> None:
    said = refusal(capsys, RUN, "--task", "edgs")
    assert said.startswith("command line: unseen.edgs={}: unknown task 'edgs'")
    assert "did you mean 'edges'?" in said


def test_without_a_task_the_person_is_asked(capsys: Capture) -> None:
    assert refusal(capsys, RUN, "unseen=null") == (
        f"{RUN}: which task? Its recipe names none under `unseen`. Say --task NAME; `mstasks ls tasks` lists them.\n"
    )


def test_an_unseen_task_of_the_command_line_is_one(capsys: Capture) -> None:
    made = adapt(capsys, "unseen.depth=null", "unseen.normals=null", "unseen.edges={}", *QUICK)
    assert made["adapt"]["task"] == "edges"


def test_with_a_data_set_of_its_own_the_task_is_asked_for(capsys: Capture) -> None:
    said = refusal(capsys, RUN, "data.dataset=folder", "data.root=mine", "unseen.s={}")
    assert said == "'data.dataset=folder': which of its labels is to be learned? Say --task NAME.\n"


@pytest.mark.parametrize("strategy", ["{name: new-decoder, steps: 1}", "ridge"])
def test_images_of_one_s_own_are_learned_beside_the_references(capsys: Capture, strategy: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 3, (10, 32, 32), np.uint8)
    for part in ("images", "masks"):
        (Path("mine") / part).mkdir(parents=True, exist_ok=True)
        for index, classes in enumerate(pixels):
            Image.fromarray(classes * (60 if part == "images" else 1)).save(f"mine/{part}/{index}.png")
    own = [
        "data.dataset=folder",
        "data.root=mine",
        "data.split={val: 0.2, test: 0.2}",
        "unseen.segmentation.target=masks",
    ]
    masks = "data.targets.masks={kind: label-map, names: [a, b, c]}"
    made = adapt(capsys, "--task", "segmentation", *own, masks, f"adapt.strategy={strategy}", *QUICK[:2])
    assert list(made["adapt"]["columns"]) == ["adapted", "ridge", "trivial"]
    assert made["adapt"]["released"] == ["attributes"]
    assert [row["name"] for row in made["adapt"]["parts"] if row["new"]] == ["heads.segmentation"]
    scores = made["adapt"]["draws"][0]["scores"]
    assert (scores["ridge"] == scores["adapted"]) == (strategy == "ridge")


def test_weights_of_the_baseline_imagenet_may_be_a_file(capsys: Capture) -> None:
    torch.manual_seed(0)
    save_file(timm.create_model("test_resnet").state_dict(), "fetched.safetensors")
    given = ["--task", "depth", "--baseline", "imagenet", "backbone.weights=fetched.safetensors"]
    made = adapt(capsys, *given, "adapt.draws=1", "data.test=1")
    assert list(made["adapt"]["columns"]) == ["adapted", "ridge", "trivial", "imagenet (fetched.safetensors)"]
    assert load_recipe(Path(made["run"]) / "resolved.yaml").recipe.backbone.weights == "random"
    said = refusal(capsys, RUN, *given[:-1], "backbone.weights=nowhere.safetensors")
    assert "there is no file" in said
    assert "nowhere.safetensors" in said


def test_what_made_the_network_is_closed(capsys: Capture) -> None:
    said = refusal(capsys, RUN, "--task", "depth", "optim.lr=1")
    assert said.startswith("'optim.lr=1': `optim` cannot be changed here, since the trained network depends on it.")
    assert said.count("\n") == 1


def test_more_images_than_there_are_is_said_with_their_number(capsys: Capture) -> None:
    assert refusal(capsys, RUN, "--task", "depth", "--shots", "9") == (
        "task 'depth': only 8 of 8 train images of data set 'scenes' have a label of 'depth', and 9 were asked for. Try "
        "`--shots 8`.\n"
    )


def test_numbers_below_one_are_refused(capsys: Capture) -> None:
    for flag in ("--shots", "--draws"):
        assert f"Invalid value for '{flag}': 0 is not in the range x>=1." in refusal(capsys, RUN, flag, "0")


def test_a_run_with_several_networks_is_refused(capsys: Capture) -> None:
    said = refusal(capsys, "runs/alone/001", "--task", "depth")
    assert said == (
        "runs/alone/001: a single-task run holds 2 networks. Adapt one of its runs, such as `mstasks adapt "
        "runs/alone/001/tasks/attributes`.\n"
    )


def test_a_misspelt_baseline_is_a_suggestion(capsys: Capture) -> None:
    said = refusal(capsys, RUN, "--task", "depth", "--baseline", "scrach")
    assert "'scrach', and there is no such folder" in said
    assert "did you mean 'scratch'?" in said


def test_a_baseline_that_is_no_run_is_said_so(capsys: Capture) -> None:
    said = refusal(capsys, RUN, "--task", "depth", "--baseline", "runs/nowhere/001")
    assert "runs/nowhere/001: not a run folder: it does not exist" in said


def test_a_loss_that_is_not_finite_leaves_nothing_behind(capsys: Capture) -> None:
    before = runs()
    high = "adapt.strategy={name: all-at-once, steps: 8, new_lr: 1.0e+30, trunk_lr: 1.0e+30, clip: null}"
    assert main(["adapt", RUN, "--task", "depth", high, *QUICK]) == 1
    said = capsys.readouterr().err
    assert re.match(r"step \d: (the loss|a gradient) of task 'depth' is not finite\. Lower the rates", said)
    assert runs() == before
