"""`mstasks compact` says what it did and what to type next; other verbs take its runs or say why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from mstasks.cli import main
from mstasks.fit import fit, start_run
from mstasks.recipe import load_recipe

RECIPE = """
name: tiny
method: sparse
data: {dataset: scenes, size: [48, 48], train: 8, val: 2, test: 2, batch_size: 4}
backbone: {model: mobilenetv3_small_050}
decoder: {width: 16}
tasks: {depth: {}}
sparsity: {strength: one-shot, target: {macs: 0.5}}
optim: {steps: 2}
run: {evaluate_every: 2, pictures: 0}
"""
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ``runs/tiny/001`` is a sparse run."""
    folder = tmp_path_factory.mktemp("compact")
    (folder / "tiny.yaml").write_text(RECIPE)
    loaded = load_recipe(folder / "tiny.yaml")
    fit(loaded, start_run(loaded, folder / "runs"), Console(quiet=True))
    return folder


@pytest.fixture(autouse=True)
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_the_run_costs_findings_and_the_next_command_are_printed(capsys: Capture) -> None:
    assert main(["compact", "runs/tiny/001", "--multiple", "4", "--fold", "--out", "light"]) == 0
    lines = capsys.readouterr().out.splitlines()
    numbers = json.loads(Path("light/tiny/001/summary.json").read_text())["compact"]
    assert lines[0] == "run: light/tiny/001"
    assert any(line.startswith("depth  rmse") for line in lines)
    rows = {line.split("  ")[0]: line.split() for line in lines}
    channels = rows["channels, shared part"]
    assert channels[-2:] == [str(numbers["channels"]["dense"]), str(numbers["channels"]["compact"])]
    assert rows["MACs"][1] == f"{numbers['macs']['compact'] / numbers['macs']['dense']:.1%}"
    assert rows["weights file"][-2:] == [f"{numbers['bytes']['compact'] / 1e6:.2f}", "MB"]
    assert any(line.startswith("predictions: those of runs/tiny/001 within ") for line in lines)
    assert "test metrics: those of runs/tiny/001 to 4 digits" in lines
    assert any(line.startswith("folded: ") and "cannot be trained further" in line for line in lines)
    assert lines[-1] == "next: mstasks bench light/tiny/001"


def test_programs_get_the_summary_and_other_verbs_take_the_run(capsys: Capture) -> None:
    assert main(["compact", "runs/tiny/001", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    run = made.pop("run")
    assert made == json.loads((Path(run) / "summary.json").read_text())
    assert made["parent"] == "../001"
    assert main(["eval", run, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tasks"] == made["tasks"]
    assert main(["fit", "--resume", run]) == 2
    assert "a compact or adapted run holds a network alone, not the state of its training" in capsys.readouterr().err
    assert main(["compact", run]) == 2
    assert "it is compact already, made from runs/tiny/001" in capsys.readouterr().err


def test_a_damaged_structure_is_a_sentence(capsys: Capture) -> None:
    assert main(["compact", "runs/tiny/001", "--out", "damaged"]) == 0
    Path("damaged/tiny/001/structure.json").write_text("{")
    capsys.readouterr()
    assert main(["eval", "damaged/tiny/001"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("damaged/tiny/001/structure.json: Invalid JSON")
    assert error.count("\n") == 1


def test_scores_that_changed_are_a_note(capsys: Capture) -> None:
    path = Path("runs/tiny/001/summary.json")
    before = path.read_text()
    summary = json.loads(before)
    summary["tasks"]["depth"]["test"]["rmse"] += 0.1
    path.write_text(json.dumps(summary))
    assert main(["compact", "runs/tiny/001", "--out", "changed"]) == 0
    path.write_text(before)
    shown = capsys.readouterr().out
    assert "note: depth rmse is " in shown
    assert "see `mstasks eval runs/tiny/001`." in shown
    assert "to 4 digits" not in shown
