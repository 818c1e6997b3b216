from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mstasks.report.curves import by_step, curves
from mstasks.report.source import Source
from mstasks.runfolder import RunFolder

Read = Callable[[str], Any]
RECIPE = {"tasks": {"seg": {}, "depth": {}}}


def run_of(folder: Path, *rows: Mapping[str, Any]) -> RunFolder:
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return RunFolder(folder)


def train(step: int, **loss: float | None) -> dict[str, Any]:
    return {"step": step, "split": "train", "loss": loss}


def test_of_a_step_that_was_logged_twice_the_last_row_counts(tmp_path: Path) -> None:
    run = run_of(tmp_path, train(10, seg=1), train(20, seg=2), {"step": 15, "event": "resumed"}, train(20, seg=3))
    assert {step: row["loss"]["seg"] for step, row in by_step(run, "train").items()} == {10: 1, 20: 3}


def test_each_task_has_its_loss_and_its_primary_metric_in_its_own_colour(tmp_path: Path, read: Read) -> None:
    score = {
        "step": 20,
        "split": "val",
        "score": 0.1,
        "tasks": {"seg": {"miou": 0.2}, "depth": {"rmse": 1.0, "abs": 2.0}},
    }
    run = run_of(tmp_path, train(10, seg=1, depth=3), train(20, seg=2, depth=None), score)
    summary = {"tasks": {"depth": {"primary": "abs", "higher_is_better": False}}}
    (section,) = curves(Source(run, summary, RECIPE, {})).parts
    document = read(section)
    assert [each["class"] for each in document.all("g")] == ["s0", "s1", "s0", "s1", "s7"]
    for caption in ("seg: train loss", "depth: train loss", "seg: miou", "depth: abs, validation ↓", "gap closed"):
        assert caption in document.text


def test_a_run_without_rows_has_no_curves(tmp_path: Path) -> None:
    summary = {"tasks": {"depth": {"primary": "abs", "higher_is_better": False}}}
    assert curves(Source(RunFolder(tmp_path), {}, RECIPE, {})).parts == []
    assert curves(Source(RunFolder(tmp_path), summary, RECIPE, {})).parts == [], "as of a compact run"
