"""Curves: the numbers of the log, as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from mstasks.sparsity.draw_course import draw_macs, draw_trajectory

OUT = Path("picture.png")


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures in the order in which they were saved; no file is written."""
    saved: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: saved.append(self))
    return saved


def row(macs: float = 1.0, zero: float = 0.0, name: str = "lambda", **values: float | None) -> dict[str, Any]:
    return {"macs": macs, "zero_groups": zero, "strength": {"name": name, "values": values}, "channels": {}}


def lines(figure: Figure) -> dict[str, list[float]]:
    return {str(line.get_label()): np.asarray(line.get_ydata(), dtype=float).tolist() for line in figure.axes[0].lines}


def test_one_value_is_one_line_with_gaps_where_it_is_zero_or_missing(figures: list[Figure]) -> None:
    course = {10: row(name="price", all=0.0), 20: row(name="price", all=2e-9), 30: row(name="price", all=None)}
    assert draw_trajectory(course, OUT)
    (axis,) = figures[0].axes
    np.testing.assert_array_equal(lines(figures[0])["all"], [np.nan, 2e-9, np.nan])
    assert (axis.get_yscale(), axis.get_ylabel()) == ("log", "price")
    low, high = axis.get_xlim()
    assert low <= 10
    assert high >= 30


def test_a_few_spaces_have_a_line_each(figures: list[Figure]) -> None:
    assert draw_trajectory({1: row(a=1e-3, b=2e-3), 2: row(a=1e-2, b=3e-3)}, OUT)
    assert lines(figures[0]) == {"a": [1e-3, 1e-2], "b": [2e-3, 3e-3]}


def test_many_spaces_are_a_median_and_two_bands(figures: list[Figure]) -> None:
    values = {f"s{index}": float(index + 1) for index in range(9)}
    course = {1: row(**dict.fromkeys(values, 0.0)), 2: row(**values), 3: row(**values)}
    assert draw_trajectory(course, OUT)
    np.testing.assert_array_equal(lines(figures[0])["median"], [np.nan, 5, 5])
    outer, inner = (band.get_paths()[0].vertices for band in figures[0].axes[0].collections)
    assert (outer[:, 1].min(), outer[:, 1].max()) == (1, 9)
    assert (inner[:, 1].min(), inner[:, 1].max()) == (3, 7)


@pytest.mark.parametrize("course", [{}, {1: row()}, {1: row(all=0.0), 2: row(all=None)}])
def test_without_a_positive_value_there_is_no_picture(figures: list[Figure], course: dict[int, Any]) -> None:
    assert not draw_trajectory(course, OUT)
    assert figures == []


def test_macs_and_zero_groups_are_per_cent_beside_the_target(figures: list[Figure]) -> None:
    assert draw_macs({1: row(1.0, 0.0), 5: row(0.5, 0.25)}, {"macs": 0.45}, OUT)
    assert lines(figures[0]) == {
        "MACs left": [100, 50],
        "zero groups": [0, 25],
        "target: 45 % of the MACs": [45, 45],
    }


@pytest.mark.parametrize("target", [None, {"parameters": 0.5}])
def test_a_target_of_something_else_is_no_line(figures: list[Figure], target: dict[str, float] | None) -> None:
    assert draw_macs({1: row()}, target, OUT)
    assert set(lines(figures[0])) == {"MACs left", "zero groups"}


def test_without_steps_there_are_no_macs(figures: list[Figure]) -> None:
    assert not draw_macs({}, None, OUT)
    assert figures == []
