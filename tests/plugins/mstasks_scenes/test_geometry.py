"""Crossings of rays and solids against dense sampling of the solids' implicit functions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scenes_analytic import by_hand, distance, solids

from mstasks_scenes.geometry import Crossings, Shape, crossings

BOX, BALL, CYLINDER = Shape.BOX, Shape.BALL, Shape.CYLINDER
ORIGIN = np.zeros(3, np.float32)


def towards(*directions: tuple[float, float, float]) -> np.ndarray:
    return np.array(directions, np.float32).T.copy()


def only(found: Crossings) -> tuple[float, float, int]:
    assert len(found.ray) == 1
    return float(found.enter[0]), float(found.leave[0]), int(found.axis[0])


@pytest.mark.parametrize(
    ("shape", "half", "direction", "expected"),
    [
        (BOX, (1, 0.5, 2), (0, 1, 0), (3.5, 4.5, 1)),
        (BOX, (1, 0.5, 2), (0, 2, 0), (1.75, 2.25, 1)),
        (BALL, (1, 1, 1), (0, 1, 0), (3, 5, 0)),
        (CYLINDER, (1, 1, 2), (0, 1, 0), (3, 5, 0)),
    ],
)
def test_a_ray_through_the_middle(
    shape: Shape, half: tuple[float, ...], direction: tuple[float, float, float], expected: tuple[float, float, int]
) -> None:
    found = crossings(solids((shape, (0, 4, 0), half, 0)), ORIGIN, towards(direction))
    assert only(found) == pytest.approx(expected)


def test_a_box_is_turned_about_the_vertical() -> None:
    turned = solids((BOX, (0, 4, 0), (1, 1, 1), math.pi / 4))
    assert only(crossings(turned, ORIGIN, towards((0, 1, 0))))[:2] == pytest.approx(
        (4 - math.sqrt(2), 4 + math.sqrt(2))
    )


def test_a_vertical_ray_enters_a_cylinder_by_its_cap() -> None:
    standing = solids((CYLINDER, (0.3, 0, 4), (1, 1, 0.5), 0))
    assert only(crossings(standing, ORIGIN, towards((0, 0, 1)))) == pytest.approx((3.5, 4.5, 2))


def test_what_is_behind_or_beside_is_not_crossed() -> None:
    things = solids(
        (BOX, (0, -4, 0), (1, 1, 1), 0), (BALL, (3, 4, 0), (1, 1, 1), 0), (CYLINDER, (0, 4, 5), (1, 1, 1), 0)
    )
    assert len(crossings(things, ORIGIN, towards((0, 1, 0))).ray) == 0


def test_an_origin_inside_has_entered_before() -> None:
    enter, leave, _ = only(crossings(solids((BOX, (0, 0, 0), (1, 2, 1), 0)), ORIGIN, towards((0, 1, 0))))
    assert (enter, leave) == pytest.approx((-2, 2))


@pytest.mark.parametrize("shape", list(Shape))
def test_random_crossings_agree_with_sampling(shape: Shape) -> None:
    random = np.random.default_rng(int(shape))
    rows = []
    for _ in range(8):
        x, z = random.uniform(0.3, 0.9, 2)
        half = {BOX: (x, random.uniform(0.1, 0.9), z), BALL: (x, x, x), CYLINDER: (x, x, z)}[shape]
        place = random.normal(size=3)
        rows.append((shape, 2.5 * place / np.linalg.norm(place), half, random.uniform(0, 6)))
    scene = by_hand(solids(*rows))
    # Around the middles of the solids, so that about half of the rays cross one.
    directions = scene.solids.centre.T[random.integers(8, size=300)] + random.normal(0, 0.5, (300, 3))
    directions = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    found = crossings(scene.solids, ORIGIN, directions.T.copy())
    assert len(found.ray) > 100
    spans = {(r, s): (a, b) for r, s, a, b in zip(found.ray, found.solid, found.enter, found.leave, strict=True)}
    along = np.linspace(0.01, 6, 600)
    for ray, direction in enumerate(directions.astype(float)):
        for solid in range(8):
            enter, leave = spans.get((ray, solid), (np.inf, -np.inf))
            inside = distance(scene, 6 + solid, along[:, None] * direction) < -1e-4
            assert np.all(~inside | ((along > enter) & (along < leave)))
            middle = (along > enter + 1e-3) & (along < leave - 1e-3)
            assert np.all(distance(scene, 6 + solid, along[middle, None] * direction) < 0)
