from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mstasks.report.adaptation import adaptation
from mstasks.report.shots import family, shots
from mstasks.report.source import Source
from mstasks.runfolder import RunFolder

Read = Callable[[str], Any]


def adapt(shots: int = 5, adapted: float = 30.0, ridge: float = 35.0, strategy: str = "head-first") -> dict[str, Any]:
    scores = [{"adapted": {"mean": adapted + each}, "ridge": {"mean": ridge + each}} for each in (-1, 0, 1)]
    return {
        "task": "normals",
        "shots": shots,
        "strategy": {"name": strategy, "steps": None},
        "steps": 30,
        "primary": "mean",
        "higher_is_better": False,
        "columns": {"adapted": {"mean": adapted, "sd": 1.0}, "ridge": {"mean": ridge, "sd": 1.0}},
        "draws": [
            {"draw": number, "support": [f"image {number}"], "scores": each, "seconds": 2.0}
            for number, each in enumerate(scores)
        ],
        "seen": {"depth": {"before": {"rmse": 0.5}, "after": {"rmse": 0.75}}},
        "released": ["edges"],
        "failed": ["draw 1: scratch went astray."],
        "parts": [
            {"name": "backbone", "new": False, "parameters": 1000, "zero": 200, "rates": [None, 0.0003]},
            {"name": "trunk", "new": False, "parameters": 100, "zero": 0, "rates": [None, None]},
            {"name": "heads.normals", "new": True, "parameters": 10, "zero": 0, "rates": [0.005, 0.005]},
        ],
    }


def made(folder: Path, parent: str | None = "../001", **summary: Any) -> Source:
    folder.mkdir(parents=True)
    (folder / "resolved.yaml").write_text("name: rooms\n")
    tasks = {"depth": {"primary": "rmse", "higher_is_better": False}}
    (folder / "summary.json").write_text(json.dumps({"parent": parent, "tasks": tasks, **summary}))
    return Source.read(RunFolder(folder))


def test_references_draws_and_the_other_tasks_are_shown(tmp_path: Path, read: Read) -> None:
    document = read("".join(adaptation(made(tmp_path / "002", adapt=adapt())).parts))
    for told in (
        "normals from 5 labelled images, 3 draws of them, by head-first in 30 steps.",
        "adapted 30.00 1.0000",
        "ridge regression, in closed form 35.00 1.0000 +5.00 +5.00 to +5.00",
        "depth rmse ↓ 0.5000 0.7500",
        "draw 1: scratch went astray.",
        "Not part of this run any more: edges.",
        "1 30.00 35.00 2.0 s image 1",
        "backbone trained, rate 0 then 0.0003 1 k 200",
        "trunk frozen",
        "heads.normals new, trained, rate 0.005 then 0.005",
    ):
        assert told in document.text, told
    assert not document.classed("bad")


def test_losing_to_a_reference_is_said_in_red(tmp_path: Path, read: Read) -> None:
    document = read("".join(adaptation(made(tmp_path / "002", adapt=adapt(ridge=28.0))).parts))
    assert len(document.classed("bad")) == 2
    assert "Adapting loses to ridge regression: mean 30 against 28" in document.text


def test_a_run_that_was_not_adapted_has_no_such_section(tmp_path: Path) -> None:
    assert adaptation(made(tmp_path / "001")).parts == []


def test_curves_over_k_take_all_runs_that_were_adapted_from_one_parent(tmp_path: Path, read: Read) -> None:
    parent = made(tmp_path / "001", parent=None)
    few = made(tmp_path / "002", adapt=adapt(5, 32))
    made(tmp_path / "003", adapt=adapt(50, 28))
    made(tmp_path / "004", adapt=adapt(50, 31, strategy="fast"))
    made(tmp_path / "005", parent="../009", adapt=adapt(10, 1))
    made(tmp_path / "006")  # compact
    (tmp_path / "007").mkdir()
    (tmp_path / "007" / "resolved.yaml").write_text("{")
    (tmp_path / "007" / "summary.json").write_text("{}")
    assert [each.run.path.name for each in family(parent)] == ["002", "003", "004"]
    assert [each.run.path.name for each in family(few)] == ["002", "003", "004"]
    document = read("".join(shots(family(few)).parts))
    assert "head-first ridge fast" in document.text
    assert [curve["class"] for curve in document.classed("curve")] == ["curve", "curve dashed", "curve"]
    assert [curve["d"].count("L") for curve in document.classed("curve")] == [1, 1, 0]


def test_one_number_of_images_gives_no_curve(tmp_path: Path) -> None:
    made(tmp_path / "001", parent=None)
    assert shots(family(made(tmp_path / "002", adapt=adapt()))).parts == []
