"""`mstasks compare`: the table as plain lines and on a terminal, what stands below it, JSON, and other splits."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from mstasks.cli import main
from mstasks.fit import fit, start_run
from mstasks.recipe import load_recipe

Capture = pytest.CaptureFixture[str]
NETWORK = {"backbone": {"parameters": 300000, "macs": 4000000}, "heads.depth": {"parameters": 100000, "macs": 1258000}}
SPARSITY = {
    "scope": "shared", "macs_dense": 4000000, "macs_compact": 1000000, "network_macs_compact": 2258000,
    "network_parameters_compact": 110000,
}  # fmt: skip


def write_run(path: str, scores: Mapping[str, float | None], size: int = 96, **summary: Any) -> None:
    """A complete run; `scores` may hold miou, rmse and angle."""
    tasks = {
        name: {"primary": metric, "higher_is_better": higher, "test": {metric: scores[metric], f"{metric}/part": 0.1}}
        for name, metric, higher in (("parts", "miou", True), ("depth", "rmse", False), ("normals", "angle", False))
        if metric in scores
    }
    folder = Path(path)
    folder.mkdir(parents=True)
    recipe = {"data": {"dataset": "rooms", "size": [size, size]}, "tasks": {name: {} for name in tasks}}
    (folder / "resolved.yaml").write_text(yaml.safe_dump(recipe))
    (folder / "splits.json").write_text('{"test": ["a"]}')
    whole = {"method": "multi-task", "steps": 400, "seconds": 94.31, "tasks": tasks, "network": NETWORK, **summary}
    (folder / "summary.json").write_text(json.dumps(whole))


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three runs of one recipe in the working directory."""
    monkeypatch.chdir(tmp_path)
    write_run("runs/r/001", {"miou": 0.4, "rmse": 0.8})
    write_run("runs/r/002", {"miou": 0.5, "rmse": 0.9}, method="sparse", sparsity=SPARSITY)
    write_run("runs/r/003", {"rmse": 0.6}, steps=40)


RUNS = [f"runs/r/00{n}" for n in (1, 2, 3)]


def printed(capsys: Capture, *arguments: str) -> list[str]:
    assert main(["compare", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_plain_lines_have_arrows_dashes_and_stars(capsys: Capture) -> None:
    assert printed(capsys, *RUNS) == [
        "test split",
        "run  method      parts miou ↑   depth rmse ↓   delta_m      MACs   parameters   shared left   steps  seconds",
        "001  multi-task        0.4000         0.8000      0.0%   5.258 M      0.400 M        100.0%     400     94.3",
        "002  sparse            0.5000*        0.9000     +6.2%*  2.258 M*     0.110 M*        25.0%*    400     94.3",
        "003  multi-task             -         0.6000*   +25.0%   5.258 M      0.400 M        100.0%      40     94.3",
        "delta_m: mean relative change of parts and depth against 001; positive is better",
        "note: delta_m of 003 is over depth alone; left out: parts (missing here).",
        "note: MACs and parameters of 002 are those without the channels that are zero, which `mstasks compact` removes.",
    ]


def test_a_terminal_shows_the_best_in_bold_and_no_number_in_two(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    out = "\n".join(printed(capsys, *RUNS))
    assert "*" not in out
    assert re.search(r"\x1b\[1m *0\.5000", out)
    assert not re.search(r"\x1b\[1m *0\.4000", out)
    plain = re.sub(r"\x1b\[[\d;]*m", "", out)
    drawn = [line for line in plain.splitlines() if line[:1] in "┏┃┡│└"]
    assert max(map(len, drawn)) <= 60
    assert sum(line.startswith("┏") for line in drawn) == 2  # too wide for one table: the rest stands below
    for number in ("0.8000", "+6.2%", "2.258 M", "0.110 M", "25.0%", "94.3"):
        assert f" {number} │" in plain


def test_an_output_without_arrows_gets_words() -> None:
    command = [sys.executable, "-m", "mstasks", "compare", *RUNS]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    heading = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()[
        1
    ]
    assert "parts miou (up)" in heading
    assert "depth rmse (down)" in heading


def test_the_best_is_not_marked_where_all_show_the_same(capsys: Capture) -> None:
    write_run("runs/r/004", {"miou": 0.4, "rmse": 0.80000001})
    assert "*" not in "".join(printed(capsys, "runs/r/001", "runs/r/004"))
    assert "*" not in "".join(printed(capsys, "runs/r/001"))


def test_a_mean_over_fewer_tasks_is_not_the_best(capsys: Capture) -> None:
    lines = printed(capsys, "runs/r/001", "runs/r/003")
    assert "+25.0%" in lines[3]
    assert "+25.0%*" not in lines[3]


def test_a_task_that_the_baseline_lacks_is_named(capsys: Capture) -> None:
    lines = printed(capsys, "runs/r/001", "runs/r/002", "--baseline", "runs/r/003")
    assert lines[2].startswith("003")
    assert "note: delta_m of 001 and 002 leaves out parts (missing in the baseline)." in lines


def test_without_a_common_task_there_is_no_delta_m(capsys: Capture) -> None:
    write_run("runs/r/004", {"angle": 38.0})
    lines = printed(capsys, "runs/r/003", "runs/r/004")
    why = "depth (missing here), normals (missing in the baseline)"
    assert f"note: delta_m of 004 cannot be taken: {why}." in lines


def test_what_makes_runs_hard_to_compare_is_a_warning(capsys: Capture) -> None:
    write_run("runs/r/004", {"rmse": 0.5}, size=64)
    warnings = [line for line in printed(capsys, "runs/r/003", "runs/r/004") if line.startswith("warning")]
    assert warnings == ["warning: 004 is hard to compare with 003: data.size is [64, 64], not [96, 96]."]


def test_compact_runs_are_called_so(capsys: Capture) -> None:
    write_run("runs/r/004", {"rmse": 0.5}, method="sparse", sparsity=SPARSITY, compact={})
    Path("runs/r/004/structure.json").write_text("{}")
    lines = printed(capsys, "runs/r/003", "runs/r/004")
    assert lines[3].startswith("004  sparse, compact")
    assert not any("without the channels" in line for line in lines)


def test_what_is_left_is_called_by_its_scope(capsys: Capture) -> None:
    write_run("runs/r/004", {"rmse": 0.5}, sparsity={**SPARSITY, "scope": "backbone"})
    lines = printed(capsys, "runs/r/001", "runs/r/004")
    assert "backbone left" in lines[1]
    assert "25.0%*" in lines[3], "of the dense run all is left, in whatever scope"


def test_what_is_left_of_unlike_scopes_has_no_best(capsys: Capture) -> None:
    write_run("runs/r/004", {"rmse": 0.5}, sparsity={**SPARSITY, "scope": "backbone", "macs_compact": 2000000})
    lines = printed(capsys, *RUNS[:2], "runs/r/004")
    assert "scope left" in lines[1]
    for line, cell in zip(lines[2:5], ("100.0%", "25.0% shared", "50.0% backbone"), strict=True):
        assert f"  {cell}  " in line
    told = "what is left is of unlike scopes, so none is the best. 002: backbone and trunk; 004: the backbone alone."
    assert f"note: {told}" in lines


@pytest.mark.parametrize(
    ("column", "draws", "text"),
    [
        ({"mean": 46.4, "sd": 0.84}, 3, "over 3 draws angle is 46.4000 with a standard deviation of 0.8400"),
        ({"mean": 46.4, "sd": None}, 1, "over 1 draw angle is 46.4000"),
        ({"mean": None, "sd": None}, 2, "over 2 draws angle is not known"),
    ],
)
def test_an_adapted_run_shows_its_spread_over_draws(
    capsys: Capture, column: Mapping[str, float | None], draws: int, text: str
) -> None:
    adapt = {
        "task": "normals", "shots": 10, "strategy": {"name": "head-first"}, "primary": "angle",
        "columns": {"adapted": column}, "draws": [{}] * draws,
    }  # fmt: skip
    write_run("runs/r/004", {"miou": 0.4, "rmse": 0.9, "angle": 45.5}, adapt=adapt)
    lines = printed(capsys, "runs/r/001", "runs/r/004")
    assert lines[3].startswith("004  multi-task, adapted")
    learned = "note: 004 learned normals from 10 images by head-first; steps and seconds are of that."
    assert f"{learned} The table shows draw 0; {text}." in lines


def test_a_single_task_run_says_what_is_added_up(capsys: Capture) -> None:
    write_run("runs/s/001", {"miou": 0.4, "rmse": 0.8}, method="single-task", network=None)
    for name, metric in (("parts", "miou"), ("depth", "rmse")):
        write_run(f"runs/s/001/tasks/{name}", {metric: 0.4})
    lines = printed(capsys, "runs/s/001", "runs/r/001")
    assert lines[2].split()[:6] == ["s/001", "single-task", "0.4000", "0.8000", "0.0%", "10.5"]
    assert "note: s/001 holds 2 networks; MACs, parameters and seconds are of all together, steps of each." in lines


def test_all_metrics_stand_in_a_table_per_task(capsys: Capture) -> None:
    path = Path("runs/r/002/summary.json")
    summary = json.loads(path.read_text())
    summary["tasks"]["depth"]["test"] |= {"abs": 0.25, "odd": 1.0}
    summary["tasks"]["depth"]["directions"] = {"rmse": False, "abs": False}
    path.write_text(json.dumps(summary))
    other = Path("runs/r/003/summary.json")
    other.write_text(other.read_text().replace('"rmse": 0.6', '"rmse": 0.6, "abs": 0.2'))
    lines = printed(capsys, *RUNS, "--all")
    at = lines.index("depth, test split")
    assert lines[at + 1 : at + 5] == [
        "run  rmse ↓    abs ↓      odd",
        "001  0.8000        -        -",
        "002  0.9000   0.2500   1.0000",
        "003  0.6000*  0.2000*       -",
    ]


def test_programs_get_everything(capsys: Capture) -> None:
    found = json.loads("\n".join(printed(capsys, *RUNS, "--json")))
    assert (found["split"], found["baseline"]) == ("test", "runs/r/001")
    sparse, alone = found["runs"][1:]
    assert sparse["run"] == "runs/r/002"
    assert sparse["tasks"]["parts"]["test"] == {"miou": 0.5, "miou/part": 0.1}
    assert sparse["cost"] == {"macs": 2258000, "parameters": 110000, "scope": "shared", "left": 0.25}
    assert sparse["sparsity"] == SPARSITY
    assert sparse["delta_m"]["percent"] == pytest.approx(6.25)
    assert alone["delta_m"]["left_out"] == {"parts": "missing here"}
    assert alone["differs"] == []


def test_mistakes_are_sentences_with_exit_codes(capsys: Capture) -> None:
    for arguments, text in (
        ([], "mstasks compare: Missing argument 'RUN...'"),
        (["runs"], "runs: not a run folder: it has no resolved.yaml."),
        (["runs/r/001", "nowhere"], "nowhere: not a run folder: it does not exist."),
    ):
        assert main(["compare", *arguments]) == 2
        assert capsys.readouterr().err.startswith(text)
    Path("runs/r/002/summary.json").unlink()
    assert main(["compare", *RUNS]) == 2
    assert capsys.readouterr().err == (
        "runs/r/002: the run is not complete. Go on with `mstasks fit --resume runs/r/002`.\n"
    )


def test_another_split_is_scored_as_eval_scores_it(capsys: Capture) -> None:
    Path("tiny.yaml").write_text(
        "name: tiny\n"
        "data: {dataset: scenes, size: [48, 48], train: 4, val: 2, test: 2, batch_size: 4}\n"
        "backbone: {model: mobilenetv3_small_050}\n"
        "decoder: {width: 16}\n"
        "tasks: {depth: {}}\n"
        "optim: {steps: 1}\n"
        "run: {evaluate_every: 1, pictures: 0}\n"
    )
    loaded = load_recipe("tiny.yaml")
    fit(loaded, start_run(loaded, Path("real")), Console(quiet=True))
    assert main(["eval", "real/tiny/001", "--split", "val", "--json"]) == 0
    expected = json.loads(capsys.readouterr().out)["tasks"]
    found = json.loads("\n".join(printed(capsys, "real/tiny/001", "--split", "val", "--json")))
    assert found["runs"][0]["tasks"] == expected
    assert printed(capsys, "real/tiny/001", "--split", "val")[0] == "val split"
