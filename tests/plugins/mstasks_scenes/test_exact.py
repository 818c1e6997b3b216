"""Depth and normals re-derived from the analytic surfaces of the scenes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scenes_analytic import ROOM, at_kink, back_project, distance, gradient, scenes, to_world

from mstasks_scenes import labels
from mstasks_scenes.scene import Scene
from mstasks_scenes.trace import trace

SIZE = (30, 40)
SCENES = scenes(12)


@pytest.mark.parametrize("scene", SCENES)
def test_back_projected_depth_lies_on_the_surface_and_its_gradient_is_the_normal(scene: Scene) -> None:
    visible = trace(scene, SIZE)
    points = to_world(scene, back_project(scene, labels.depth(visible))).reshape(-1, 3)
    normals = labels.normals(scene, visible).reshape(-1, 3).astype(float) @ scene.camera.axes.astype(float)
    kinks = 0
    for surface, point, normal in zip(visible.surface, points, normals, strict=True):
        assert abs(distance(scene, surface, point)) < 1e-4
        if at_kink(scene, surface, point):
            kinks += 1
        else:
            assert gradient(scene, surface, point) @ normal > 1 - 1e-5
    assert kinks < 0.01 * len(points)


def test_every_shape_was_seen() -> None:
    seen: Counter[int] = Counter()
    for scene in SCENES:
        surface = trace(scene, SIZE).surface
        seen.update(scene.solids.shape[surface[surface >= ROOM] - ROOM].tolist())
    assert min(seen[shape] for shape in range(3)) > 100


@pytest.mark.parametrize("scene", SCENES)
def test_nothing_is_nearer_than_the_stated_depth(scene: Scene) -> None:
    visible = trace(scene, SIZE)
    points = back_project(scene, labels.depth(visible)).reshape(-1, 3)
    for pixel in np.random.default_rng(0).choice(len(points), 25, replace=False):
        on_the_way = np.linspace(0, 1 - 1e-3, 1500)[:, None] * points[pixel]
        world = to_world(scene, on_the_way)
        for surface in range(ROOM + len(scene.solids.shape)):
            assert distance(scene, surface, world).min() > -1e-3 * np.linalg.norm(points[pixel])


@pytest.mark.parametrize("scene", SCENES)
def test_normals_are_unit_and_face_the_camera(scene: Scene) -> None:
    visible = trace(scene, (48, 64))
    normals = labels.normals(scene, visible)
    assert np.linalg.norm(normals, axis=-1) == pytest.approx(np.ones((48, 64)), abs=1e-5)
    assert (normals * back_project(scene, labels.depth(visible))).sum(-1).max() < 0


@pytest.mark.parametrize("scene", SCENES)
def test_faces_of_the_room_are_planes_whose_normal_is_the_label(scene: Scene) -> None:
    visible = trace(scene, (48, 64))
    points, normals = back_project(scene, labels.depth(visible)), labels.normals(scene, visible)
    faces = [face for face in range(ROOM) if (visible.surface == face).sum() > 50]
    assert len(faces) > 1
    for face in faces:
        on_face = visible.surface.reshape(48, 64) == face
        middle = points[on_face].mean(0)
        _, _, directions = np.linalg.svd(points[on_face] - middle)
        assert np.abs((points[on_face] - middle) @ directions[-1]).max() < 1e-4
        assert np.abs(normals[on_face] @ directions[-1]).min() > 1 - 1e-5


def test_an_odd_size_shows_the_same_scene() -> None:
    scene = SCENES[0]
    small, large = trace(scene, (21, 35)), trace(scene, (63, 105))
    middle = labels.depth(large)[1::3, 1::3]
    assert labels.depth(small) == pytest.approx(middle, rel=1e-5)
    assert np.array_equal(labels.segmentation(scene, small), labels.segmentation(scene, large)[1::3, 1::3])
