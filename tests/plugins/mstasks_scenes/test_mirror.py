"""Flipping an image left-right gives an image that the generator could have made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes_analytic import scenes

from mstasks_scenes import labels
from mstasks_scenes.scene import Scene
from mstasks_scenes.trace import trace


def mirror_image(scene: Scene) -> Scene:
    axes = scene.camera.axes * np.array([[-1], [1], [1]], np.float32)
    return replace(scene, camera=replace(scene.camera, axes=axes))


@pytest.mark.parametrize("scene", scenes(6))
def test_labels_of_the_mirrored_scene_are_the_flipped_labels(scene: Scene) -> None:
    mirrored = mirror_image(scene)
    one, two = trace(scene, (24, 33)), trace(mirrored, (24, 33))
    assert np.array_equal(labels.segmentation(mirrored, two), labels.segmentation(scene, one)[:, ::-1])
    assert np.array_equal(labels.depth(two), labels.depth(one)[:, ::-1])
    assert np.array_equal(labels.edges(mirrored, two), labels.edges(scene, one)[:, ::-1])
    assert np.array_equal(labels.normals(mirrored, two), labels.normals(scene, one)[:, ::-1] * [-1, 1, 1])
    assert np.array_equal(labels.attributes(mirrored, two), labels.attributes(scene, one))


def test_half_of_all_scenes_are_mirrored() -> None:
    mirrored = [np.linalg.det(scene.camera.axes) < 0 for scene in scenes(400)]
    assert 0.43 < np.mean(mirrored) < 0.57
