from __future__ import annotations

import math

import pytest

from mstasks.report.scale import Axis, fitted


def test_a_scale_goes_from_the_first_pixel_to_the_last() -> None:
    scale = fitted(Axis("x"), [0, 10], (100, 0), padded=False)
    assert [scale(value) for value in (0, 5, 10)] == [100, 50, 0]


def test_equal_ratios_are_equally_far_apart_on_a_logarithmic_axis() -> None:
    scale = fitted(Axis("x", log=True), [1e-8, 1e-4], (0, 400), padded=False)
    assert [scale(10.0**power) for power in range(-8, -3)] == [0, 100, 200, 300, 400]


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0.231, 0.244), (-3, 17), (0, 20000), (1e-9, 3e-9), (5, 5), (0, 0), (-7, -7)]
)
def test_ticks_are_few_round_and_within_the_axis(low: float, high: float) -> None:
    scale = fitted(Axis("x"), [low, high], (0, 300), padded=True)
    assert 2 <= len(scale.ticks) <= 9
    assert all(scale.low <= tick <= scale.high for tick in scale.ticks)
    steps = {f"{b - a:.6g}" for a, b in zip(scale.ticks, scale.ticks[1:], strict=False)}
    assert len(steps) == 1
    assert f"{float(steps.pop()):.0e}"[0] in "125"
    assert len({Axis("x").written(tick) for tick in scale.ticks}) == len(scale.ticks)


@pytest.mark.parametrize(("low", "high"), [(5, 50), (1e-9, 1e-3), (2, 3), (1e-30, 1), (7, 7)])
def test_ticks_of_a_logarithmic_axis_are_within_it(low: float, high: float) -> None:
    scale = fitted(Axis("x", log=True), [low, high], (0, 300), padded=False)
    assert 1 <= len(scale.ticks) <= 12
    assert all(scale.low <= tick <= scale.high for tick in scale.ticks)


def test_gaps_do_not_move_the_axis() -> None:
    plain = fitted(Axis("x"), [1, None, math.nan, math.inf, 2], (0, 1), padded=False)
    assert (plain.low, plain.high) == (1, 2)
    log = fitted(Axis("x", log=True), [0, -1, 1, 2], (0, 1), padded=False)
    assert (log.low, log.high) == (1, 2)


def test_an_axis_without_any_value_still_has_two_ends() -> None:
    for axis in (Axis("x"), Axis("x", log=True)):
        scale = fitted(axis, [None], (0, 1), padded=True)
        assert scale.low < scale.high


def test_a_fixed_end_is_kept_without_room_beyond_it() -> None:
    scale = fitted(Axis("x", low=0, high=1), [0, 0.3], (0, 1), padded=True)
    assert (scale.low, scale.high) == (0, 1)
    assert fitted(Axis("x", low=0, high=1), [-2], (0, 1), padded=True).low < -2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.25, "0.25"),
        (9000, "9000"),
        (20000, "20k"),
        (2.5e6, "2.5M"),
        (1e-8, "1e-8"),
        (1.5e-9, "1.5e-9"),
        (3e10, "3e10"),
        (-5, "-5"),
    ],
)
def test_ticks_are_written_short(value: float, text: str) -> None:
    assert Axis("x").written(value) == text


def test_fractions_may_be_written_as_per_cent() -> None:
    assert Axis("x", percent=True).written(0.285) == "28.5 %"
