"""Edges and attributes against their definitions, by brute force and on scenes made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scenes_analytic import back_project, by_hand, scenes, solids

from mstasks_scenes import labels
from mstasks_scenes.camera import look
from mstasks_scenes.geometry import Shape
from mstasks_scenes.scene import Scene, Texture
from mstasks_scenes.targets import ATTRIBUTES, CLASSES
from mstasks_scenes.trace import trace

SIZE = (36, 48)


def drawn(scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    visible = trace(scene, SIZE)
    points = back_project(scene, labels.depth(visible))
    return labels.edges(scene, visible), labels.segmentation(scene, visible), points, labels.normals(scene, visible)


def neighbours(row: int, column: int) -> list[tuple[int, int]]:
    around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    return [(y, x) for y, x in around if 0 <= y < SIZE[0] and 0 <= x < SIZE[1]]


@pytest.mark.parametrize("scene", scenes(4))
def test_where_classes_meet_the_nearer_pixel_is_an_edge(scene: Scene) -> None:
    edges, classes, points, _ = drawn(scene)
    met = 0
    for place in np.ndindex(SIZE):
        for other in neighbours(*place):
            if classes[place] != classes[other] and points[place][2] < points[other][2]:
                met += 1
                assert edges[place]
    assert met > 50


@pytest.mark.parametrize("scene", scenes(4))
def test_a_pixel_is_an_edge_only_next_to_another_class_a_bend_or_a_step(scene: Scene) -> None:
    edges, classes, points, normals = drawn(scene)
    assert edges.sum() > 50
    for place in zip(*np.nonzero(edges), strict=True):
        around = neighbours(*place)
        other_class = any(classes[place] != classes[other] for other in around)
        bend = any(normals[place] @ normals[other] < math.cos(math.radians(20)) for other in around)
        step = any(abs(normals[place] @ (points[other] - points[place])) > 0.0175 for other in around)
        assert other_class or bend or step


def test_the_corner_between_two_walls_is_one_pixel_wide() -> None:
    nothing = solids((Shape.BALL, (0, 1, 0.01), (0.01, 0.01, 0.01), 0))
    corner = look((0.3, 1, 1.5), yaw=0.6, pitch=0, roll=0, field=1.2, mirrored=False)
    visible = trace(by_hand(nothing, corner), (20, 20))
    edges = labels.edges(by_hand(nothing, corner), visible)
    walls = np.all(visible.surface.reshape(20, 20) < 4, axis=1)
    assert walls.sum() > 5
    assert np.all(edges[walls].sum(1) == 1)


def test_the_outline_of_a_ball_is_a_closed_ring_on_the_ball() -> None:
    scene = by_hand(solids((Shape.BALL, (0, 3, 1.5), (0.6, 0.6, 0.6), 0)))
    visible = trace(scene, (65, 65))
    ball = visible.surface.reshape(65, 65) == 6
    inner = ball.copy()
    inner[1:-1, 1:-1] &= ball[:-2, 1:-1] & ball[2:, 1:-1] & ball[1:-1, :-2] & ball[1:-1, 2:]
    assert ball.sum() > 300
    assert np.array_equal(labels.edges(scene, visible) & ball, ball & ~inner)


def test_flush_boxes_of_one_thing_have_no_edge_between_them() -> None:
    rows = [(Shape.BOX, (x, 3, 1.5), (0.5, 0.5, 0.5), 0.0) for x in (-0.5, 0.5)]
    scene = by_hand(solids(*rows))
    middle = (slice(26, 38), slice(24, 40))
    visible = trace(scene, (64, 64))
    assert set(visible.surface.reshape(64, 64)[middle].ravel()) == {6, 7}
    assert labels.edges(scene, visible)[middle].any()
    scene.instance[7] = scene.instance[6]
    assert not labels.edges(scene, visible)[middle].any()


@pytest.mark.parametrize(("degrees", "expected"), [(16, False), (24, True)])
def test_faces_of_one_thing_have_an_edge_if_they_meet_at_more_than_20_degrees(degrees: float, expected: bool) -> None:
    half = math.radians(degrees) / 2
    sine, cosine = 0.5 * math.sin(half), 0.5 * math.cos(half)
    # Fronts of two cubes that meet on the line x = 0, y = 2.5 and recede to both sides.
    left = (Shape.BOX, (-cosine + sine, 2.5 + cosine + sine, 1.5), (0.5, 0.5, 0.5), -half)
    right = (Shape.BOX, (cosine - sine, 2.5 + cosine + sine, 1.5), (0.5, 0.5, 0.5), half)
    scene = by_hand(solids(left, right))
    scene.instance[7] = scene.instance[6]
    visible = trace(scene, (129, 129))
    middle = (slice(50, 80), slice(55, 75))
    assert set(visible.surface.reshape(129, 129)[middle].ravel()) == {6, 7}
    assert labels.edges(scene, visible)[middle].any() == expected


def test_presence_follows_from_the_class_map() -> None:
    for scene in scenes(30):
        visible = trace(scene, SIZE)
        classes, facts = labels.segmentation(scene, visible), labels.attributes(scene, visible)
        for name in ("ball", "table", "picture", "window"):
            share = (classes == CLASSES.index(name)).mean()
            assert facts[ATTRIBUTES.index(name)] == (share >= 0.005)


def test_looking_down_shows_in_the_normal_of_the_floor() -> None:
    for scene in scenes(30):
        visible = trace(scene, SIZE)
        floor = labels.normals(scene, visible)[labels.segmentation(scene, visible) == 0]
        if len(floor):
            pitch = math.degrees(math.asin(-floor[0, 2]))
            assert labels.attributes(scene, visible)[ATTRIBUTES.index("looking_down")] == (pitch > 13)
            assert not 9.1 < pitch < 16.9


def test_checker_floor_is_the_pattern_of_the_floor() -> None:
    for scene in scenes(30):
        texture = scene.materials.texture[scene.material[4]]
        assert scene.facts["checker_floor"] == (texture == Texture.CHECKER)


def test_five_things_are_clutter_and_four_are_not() -> None:
    rows = [(Shape.BALL, (x, 3, 1.5), (0.2, 0.2, 0.2), 0.0) for x in (-1, -0.5, 0, 0.5, 1)]
    for count, expected in ((5, 1), (4, 0)):
        scene = by_hand(solids(*rows[:count]))
        assert labels.attributes(scene, trace(scene, (48, 48)))[ATTRIBUTES.index("cluttered")] == expected
