"""Statistics of labels: numbers counted by hand, the same whether measured at once or added up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mstasks.scan.statistics import Answers, Classes, Directions, Statistics, Values
from mstasks.targets import TargetKind

Measured = Callable[..., Statistics]

DEPTH, SCALAR, VECTOR = TargetKind.DEPTH_MAP, TargetKind.SCALAR_MAP, TargetKind.VECTOR_MAP


def test_classes_are_counted_where_valid(measured: Measured) -> None:
    valid = np.array([[True, True, False], [True, True, True]])
    found = measured(TargetKind.LABEL_MAP, [[0, 2, 1], [2, 2, 0]], valid, ("a", "b", "c", "d"))
    assert isinstance(found, Classes)
    assert found.counts.tolist() == [2, 0, 3, 0]


def test_answers_are_counted_where_annotated(measured: Measured) -> None:
    one = measured(TargetKind.ATTRIBUTES, [1, 0, 1], np.array([True, True, False]), ("a", "b", "c"))
    two = measured(TargetKind.ATTRIBUTES, [1, -1, 0], np.array([True, True, True]), ("a", "b", "c"))
    found = one + two  # type: ignore[operator]
    assert isinstance(found, Answers)
    assert (found.yes.tolist(), found.annotated.tolist(), found.odd) == ([2, 0, 0], [2, 2, 1], 1)


def test_depths_are_described_by_their_valid_pixels(measured: Measured) -> None:
    value = np.array([[9.0, 9.5], [2.0, 0.0], [4.0, 100.0]])
    valid = np.array([[True, True], [True, True], [True, False]])
    found = measured(DEPTH, value, valid)
    assert isinstance(found, Values)
    assert (found.count, found.least, found.most) == (5, 0.0, 9.5)
    assert (found.whole, found.not_positive) == (4, 1)
    assert (found.compared, found.bottom_farther) == (1, 0)


@pytest.mark.parametrize(("rows", "farther"), [((1.0, 2.0, 3.0), 1), ((3.0, 2.0, 1.0), 0), ((1.0, 9.0, 1.0), 0)])
def test_the_bottom_is_compared_with_the_top(measured: Measured, rows: tuple[float, ...], farther: int) -> None:
    found = measured(DEPTH, np.repeat(np.array(rows), 5)[:, None] * np.ones((1, 4)))
    assert isinstance(found, Values)
    assert (found.compared, found.bottom_farther) == (1, farther)


def test_a_top_without_a_valid_pixel_is_not_compared(measured: Measured) -> None:
    found = measured(DEPTH, np.ones((10, 2)), np.arange(10)[:, None] * np.ones((1, 2)) > 4)
    assert isinstance(found, Values)
    assert found.compared == 0


def test_a_label_that_is_nowhere_valid_changes_nothing_when_added(measured: Measured) -> None:
    known = measured(SCALAR, [[0.25, 0.5]])
    blank = measured(SCALAR, [[0.9, 0.9]], np.zeros((1, 2), bool))
    both = known + blank  # type: ignore[operator]
    assert isinstance(both, Values)
    assert (both.count, both.least, both.most) == (2, 0.25, 0.5)


def test_statistics_of_two_halves_add_up(measured: Measured) -> None:
    value = np.random.default_rng(0).normal(size=(20, 30, 3))
    one, two = measured(VECTOR, value[:, :15]), measured(VECTOR, value[:, 15:])
    whole, sums = measured(VECTOR, value), one + two  # type: ignore[operator]
    assert isinstance(whole, Directions)
    assert isinstance(sums, Directions)
    assert (sums.count, sums.not_unit, sums.negative, sums.away) == (
        whole.count,
        whole.not_unit,
        whole.negative,
        whole.away,
    )
    np.testing.assert_allclose(sums.total, whole.total, rtol=1e-5)


def test_vectors_are_counted_by_hand(measured: Measured) -> None:
    value = np.array([[(0, 0, -1), (0, 0.6, -0.8)], [(0, 0, 1), (0.5, 0.5, 0.5)]])
    found = measured(VECTOR, value)
    assert isinstance(found, Directions)
    assert (found.count, found.not_unit, found.negative, found.away) == (4, 1, 2, 2)
    np.testing.assert_allclose(found.total, [0.5, 1.1, -0.3], atol=1e-6)


def room(flip: tuple[int, int, int] = (1, 1, 1)) -> np.ndarray:
    """Normals of a room seen level: floor below, ceiling above, walls at both sides and in front."""
    normals = np.zeros((50, 50, 3))
    normals[..., 2] = -1
    normals[:10] = (0, 1, 0)  # the ceiling faces down, where y points
    normals[-10:] = (0, -1, 0)
    normals[10:-10, :10] = (1, 0, 0)  # the wall on the left faces right
    normals[10:-10, -10:] = (-1, 0, 0)
    return normals * flip


def test_no_surface_of_a_room_points_out_of_the_image(measured: Measured) -> None:
    found = measured(VECTOR, room())
    assert isinstance(found, Directions)
    assert found.sides.tolist() == [2 * 10 * 30, 2 * 10 * 50]
    assert found.outward.tolist() == [0, 0]


@pytest.mark.parametrize(("flip", "outward"), [((-1, 1, 1), [600, 0]), ((1, -1, 1), [0, 1000]), ((1, 1, -1), [0, 0])])
def test_a_turned_axis_makes_its_surfaces_point_out(
    measured: Measured, flip: tuple[int, int, int], outward: list[int]
) -> None:
    found = measured(VECTOR, room(flip))
    assert isinstance(found, Directions)
    assert found.outward.tolist() == outward
