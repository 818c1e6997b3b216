from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mstasks.report.headline import key_numbers, kind, lead
from mstasks.report.results import results
from mstasks.report.source import Source
from mstasks.runfolder import RunFolder

Read = Callable[[str], Any]
TASKS = {
    "depth": {
        "primary": "rmse",
        "higher_is_better": False,
        "directions": {"rmse": False, "delta1": True},
        "gap_closed": 0.345,
        "test": {"rmse": 0.75, "delta1": 0.5, "delta2": None, "rmse/near": 0.1},
        "constant": {"rmse": 1.14, "delta1": 0.6, "delta2": 0.7, "rmse/near": 0.2},
    },
    "normals": {
        "primary": "mean",
        "higher_is_better": False,
        "gap_closed": -0.1,
        "test": {"mean": 38.123},
        "constant": {"mean": 30.0},
    },
}


def source(**summary: Any) -> Source:
    return Source(RunFolder(Path("runs/rooms/003")), summary, {"name": "rooms"}, {})


def test_scores_stand_beside_the_constant_with_their_direction(read: Read) -> None:
    section = results(source(tasks=TASKS))
    document = read("".join(section.parts))
    assert "depth rmse ↓ 0.7500 1.1400 34.5 %" in document.text
    assert "delta1 ↑ 0.5000 0.6000" in document.text
    assert "delta2 – 0.7000" in document.text, "a metric whose direction nobody knows has no arrow"
    assert "normals mean ↓ 38.12 30.00 -10.0 %" in document.text
    assert "near rmse 0.1000 0.2000" in document.text


def test_scores_that_lose_to_the_constant_are_marked(read: Read) -> None:
    document = read("".join(results(source(tasks=TASKS)).parts))
    assert len(document.classed("bad")) == 2, "delta1 of depth, and normals"


def test_a_run_that_is_not_complete_says_how_to_go_on(read: Read) -> None:
    text = read("".join(results(source()).parts)).text
    assert text == "The run is not complete. Go on with `mstasks fit --resume runs/rooms/003`."
    assert key_numbers(source()) == ""


def test_what_the_run_is_is_said() -> None:
    assert kind(source()) == "not complete yet"
    assert kind(source(parent=None)) == "trained"
    assert kind(source(parent="../001")) == "rooms/001 made compact"
    assert (
        kind(source(parent="../001", adapt={"task": "edges", "shots": 5})) == "rooms/001 adapted to edges with 5 images"
    )


def test_key_numbers_show_costs_and_time(read: Read) -> None:
    sparsity = {"macs_dense": 8_541_648, "macs_compact": 4_257_312, "scope": "shared"}
    text = read(key_numbers(source(tasks=TASKS, sparsity=sparsity, seconds=3723.4))).text
    assert "depth: rmse ↓ 0.7500 constant 1.1400" in text
    assert "MACs left, shared part 49.8 % of 8.54 M" in text
    assert "1 h 2 min" in text


def test_the_lead_names_data_tasks_and_network(tmp_path: Path, read: Read) -> None:
    (tmp_path / "resolved.yaml").write_text(
        "name: rooms\nmethod: sparse\ndata: {dataset: scenes, size: [96, 128]}\nbackbone: {model: resnet18}\n"
        "tasks: {depth: {}, edges: {}}\nsparsity: {strength: {name: priced}}\nseed: 7\n"
    )
    text = read(lead(Source.read(RunFolder(tmp_path)))).text
    assert text.startswith(
        "Depth and edges on scenes at 96×128, with resnet18. not complete yet sparse strength: priced seed 7"
    )
