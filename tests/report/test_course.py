from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mstasks.report.course import course_figures, strength_lines
from mstasks.runfolder import RunFolder
from mstasks.sparsity.record import SparsityRecord

Read = Callable[[str], Any]


def course(*values: dict[str, float | None]) -> dict[int, dict[str, Any]]:
    return {
        10 * index: {"macs": 1 - 0.1 * index, "zero_groups": 0.1 * index, "strength": {"name": "price", "values": each}}
        for index, each in enumerate(values)
    }


def test_one_price_is_one_line_without_a_name() -> None:
    (line,) = strength_lines(course({"all": 1e-9}, {"all": 2e-9}))
    assert (line.name, line.xs, line.ys) == ("", [0, 10], [1e-9, 2e-9])


def test_a_few_spaces_have_a_line_each() -> None:
    assert [line.name for line in strength_lines(course({"a": 1.0, "b": 2.0}))] == ["a", "b"]


def test_many_spaces_have_their_median_in_a_band_of_the_middle_half() -> None:
    values = {f"space {index}": float(index) for index in range(1, 10)}
    (line,) = strength_lines(course(values, dict.fromkeys(values, None)))
    assert (line.low, line.ys, line.high) == ([3, pytest.approx(math.nan, nan_ok=True)], line.ys, line.high)
    assert line.ys[0] == 5
    assert line.high is not None
    assert line.high[0] == 7


def test_a_strength_that_is_always_zero_is_not_drawn() -> None:
    assert strength_lines(course({"all": 0.0}, {"all": None})) == []


def test_a_resumed_run_is_drawn_once_with_its_target(tmp_path: Path, read: Read) -> None:
    rows = [{"step": step, "sparsity": row} for step, row in course({"all": 0.1}, {"all": 0.2}).items()]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, rows[1]]))
    record = SparsityRecord("shared", "channel", {"macs": 0.5}, (), ())
    drawn = course_figures(RunFolder(tmp_path), record)
    assert len(drawn) == 2
    document = read(drawn[0])
    assert [path["d"].count("L") for path in document.classed("curve")] == [1, 1]
    assert "target 50 % of the MACs" in document.text
    assert "MACs and zero groups of the shared part" in document.text
    assert not read(course_figures(RunFolder(tmp_path), None)[0]).classed("rule")


def test_a_run_without_sparsity_has_no_course(tmp_path: Path) -> None:
    assert course_figures(RunFolder(tmp_path), None) == []
