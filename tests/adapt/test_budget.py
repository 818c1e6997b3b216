"""Steps grow with the number of labelled images, through the points that were measured."""

from __future__ import annotations

import pytest

from mstasks.adapt.budget import steps_for


@pytest.mark.parametrize(("shots", "steps"), [(5, 30), (10, 60), (50, 180)])
def test_what_was_measured_is_met(shots: int, steps: int) -> None:
    assert steps_for(shots) == steps


def test_more_images_never_get_fewer_steps() -> None:
    steps = [steps_for(shots) for shots in range(1, 400)]
    assert steps == sorted(steps)
    assert steps[0] >= 6


@pytest.mark.parametrize(("low", "high"), [(1, 5), (10, 40), (50, 200)])
def test_doubling_the_images_multiplies_the_steps_by_the_same_within_a_stretch(low: int, high: int) -> None:
    ratios = {round(steps_for(2 * shots) / steps_for(shots), 1) for shots in range(low, high // 2 + 1)}
    assert len(ratios) <= 2, ratios  # the rounding of steps to whole numbers
    assert min(ratios) > 1
