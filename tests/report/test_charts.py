from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest

from mstasks.report.charts import Axis, Line, Point, Rule, lines, scatter
from mstasks.report.frame import HEIGHT, WIDTH

Read = Callable[[str], Any]
X, Y = Axis("step"), Axis("loss", low=0, high=1)


def points(path: str) -> list[tuple[str, float, float]]:
    return [(word, float(x), float(y)) for word, x, y in re.findall(r"([ML])([\d.]+) ([\d.]+)", path)]


def curve(document: Any, index: int = 0) -> list[tuple[str, float, float]]:
    return points(document.classed("curve")[index]["d"])


def test_a_line_goes_through_its_values(read: Read) -> None:
    (_, x0, y0), (_, x1, y1), (_, x2, y2) = curve(read(lines([Line("a", [0, 5, 10], [0, 0.5, 1])], X, Y)))
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.1)
    assert y1 == pytest.approx((y0 + y2) / 2, abs=0.1)
    assert y0 > y2, "up is smaller in SVG"
    assert 0 < x0 < x2 <= WIDTH
    assert 0 < y2 < y0 < HEIGHT


@pytest.mark.parametrize("missing", [None, math.nan])
def test_a_gap_interrupts_the_line_and_a_lone_value_is_a_dot(read: Read, missing: float | None) -> None:
    document = read(lines([Line("a", [0, 1, 2, 3, 4], [0, 0.5, missing, 1, missing])], X, Y))
    assert [word for word, *_ in curve(document)] == ["M", "L", "M"]
    assert len(document.classed("dot")) == 1
    assert "a 3: 1" in document.text


def test_values_that_a_logarithmic_axis_cannot_show_are_gaps(read: Read) -> None:
    document = read(lines([Line("a", [0, 1, 2], [0, 1e-8, 1e-6])], X, Axis("price", log=True)))
    assert len(curve(document)) == 2


def test_a_band_encloses_its_line(read: Read) -> None:
    document = read(lines([Line("a", [0, 1], [0.4, 0.6], [0.3, 0.5], [0.5, 0.7])], X, Y))
    band = points(document.classed("band")[0]["d"])
    (_, _, first), (_, _, last) = curve(document)
    assert [x for _, x, _ in band] == [x for _, x, _ in curve(document)] + [x for _, x, _ in reversed(curve(document))]
    assert band[0][2] < first < band[3][2]
    assert band[1][2] < last < band[2][2]


def test_a_long_line_is_thinned_to_its_first_last_and_some_between(read: Read) -> None:
    steps = list(range(10_000))
    long = curve(read(lines([Line("a", steps, [step / 10_000 for step in steps])], X, Y)))
    short = curve(read(lines([Line("a", [0, 9999], [0, 0.9999])], X, Y)))
    assert len(long) == 300
    assert (long[0], long[-1][1:]) == (short[0], short[-1][1:])


def test_lines_have_colours_of_their_own_in_the_legend_too(read: Read) -> None:
    document = read(lines([Line("a", [0], [1]), Line("b & c", [0], [1], colour=5), Line("", [0], [1])], X, Y))
    groups = [each["class"] for each in document.all("g")]
    assert groups == ["s0", "s5", "s2"]
    assert [each["class"] for each in document.all("i")] == ["s0", "s5"]
    assert "b & c" in document.text


def test_a_rule_lies_at_its_value_within_the_chart(read: Read) -> None:
    document = read(lines([Line("a", [0, 1], [0.5, 0.5])], X, Y, [Rule(0.5, "target")]))
    (rule,) = document.classed("rule")
    assert float(rule["y1"]) == float(rule["y2"]) == curve(document)[0][2]
    assert "target" in document.text


def test_a_chart_without_lines_is_an_empty_frame(read: Read) -> None:
    assert read(lines([], X, Y)).classed("chart")


def test_error_bars_end_at_their_values(read: Read) -> None:
    shown = [Point("a", 2, 0.5, (1, 3), (0.25, 0.75)), Point("", 1, 0.25), Point("", 3, 0.75)]
    document = read(scatter(shown, X, Y))
    across, upwards = document.classed("whisker")
    first, second, third = document.classed("dot")
    assert (across["x1"], across["x2"], across["y1"]) == (second["cx"], third["cx"], first["cy"])
    assert (upwards["x1"], upwards["y1"], upwards["y2"]) == (first["cx"], second["cy"], third["cy"])


def test_points_without_a_place_are_left_out(read: Read) -> None:
    document = read(scatter([Point("a", 1, math.nan), Point("b", 1, 0.5)], X, Y))
    assert len(document.classed("dot")) == 1
    assert "a:" not in document.text


def test_a_chart_says_what_it_shows_to_those_who_do_not_see_it(read: Read) -> None:
    (svg,) = read(lines([], X, Y)).all("svg")
    assert (svg["role"], svg["aria-label"]) == ("img", "loss against step")
