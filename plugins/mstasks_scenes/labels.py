"""Exact labels of a traced scene, and what counts as an edge or as present."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mstasks_scenes.camera import Floats
from mstasks_scenes.scene import ROOM_FACES, Scene
from mstasks_scenes.targets import ATTRIBUTES, CLASSES
from mstasks_scenes.trace import Visible

_PRESENT = 0.005
_CLUTTERED = 5
_ON_WALLS = tuple(CLASSES.index(name) for name in ("door", "window", "picture"))
_CREASE = np.float32(np.cos(np.radians(20)))
# Between what furniture is made of: blankets stand out by 1.5 cm, cushions by 2, and rounding must not decide.
_STEP = np.float32(0.018)


def segmentation(scene: Scene, visible: Visible) -> NDArray[np.uint8]:
    """Class index per pixel, shape (height, width)."""
    return scene.label[visible.surface].reshape(visible.size)


def depth(visible: Visible) -> Floats:
    """Metres along the optical axis, shape (height, width)."""
    return visible.depth.reshape(visible.size)


def normals(scene: Scene, visible: Visible) -> Floats:
    """Unit normals towards the camera in its frame (x right, y down, z forward), shape (height, width, 3)."""
    return np.ascontiguousarray(scene.camera.components(visible.normal).T).reshape(*visible.size, 3)


def edges(scene: Scene, visible: Visible) -> NDArray[np.bool_]:
    """Outlines and creases, one pixel wide, shape (height, width).

    Two neighbouring pixels (up, down, left, right) have a boundary between them if they see different smooth faces that
    belong to different things, or meet at more than 20 degrees, or lie more than 1.8 cm off each other's plane. The
    pixel nearer to the camera is the edge, which is the one in front at an occlusion; both are where the depths are
    equal. Texture and shadows make no edges.
    """
    instance = scene.instance[visible.surface]
    marked = np.zeros(visible.size, np.bool_)
    index = np.arange(len(instance)).reshape(visible.size)
    for first, second in ((index[:, :-1], index[:, 1:]), (index[:-1], index[1:])):
        differ = visible.face[first] != visible.face[second]
        p, q = first[differ], second[differ]
        bounded = instance[p] != instance[q]
        bounded |= (visible.normal[:, p] * visible.normal[:, q]).sum(0) < _CREASE
        gap = visible.point[:, q] - visible.point[:, p]
        offset = np.minimum(np.abs((gap * visible.normal[:, p]).sum(0)), np.abs((gap * visible.normal[:, q]).sum(0)))
        bounded |= offset > _STEP
        p, q = p[bounded], q[bounded]
        flat = marked.reshape(-1)
        flat[p[visible.depth[p] <= visible.depth[q]]] = True
        flat[q[visible.depth[q] <= visible.depth[p]]] = True
    return marked


def attributes(scene: Scene, visible: Visible) -> Floats:
    """Facts about the image, 0 or 1, shape (8,).

    ball, table, picture, window: the class covers at least 0.5 % of the image. checker_floor: the floor's pattern.
    warm_light: the lamps are like tungsten, else like daylight. looking_down: the camera is pitched by more than 13
    degrees (no scene has it between 9 and 17). cluttered: at least five pieces of furniture, balls and pots cover 0.3 %
    of the image each.
    """
    pixels = len(visible.depth)
    area = np.bincount(scene.label[visible.surface], minlength=len(CLASSES)) / pixels
    things = (visible.surface >= ROOM_FACES) & ~np.isin(scene.label[visible.surface], _ON_WALLS)
    sizes = np.bincount(scene.instance[visible.surface[things]]) / pixels
    facts = dict(scene.facts)
    for name in ("ball", "table", "picture", "window"):
        facts[name] = bool(area[CLASSES.index(name)] >= _PRESENT)
    facts["cluttered"] = bool((sizes >= 0.003).sum() >= _CLUTTERED)
    return np.array([facts[name] for name in ATTRIBUTES], np.float32)
