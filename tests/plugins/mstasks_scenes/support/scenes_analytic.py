"""Scenes as implicit functions, in float64 and by other formulas than the renderer's; and scenes made by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mstasks_scenes.camera import Camera, look
from mstasks_scenes.geometry import Shape, Solids
from mstasks_scenes.layout import make_scene
from mstasks_scenes.scene import Film, Lights, Materials, Scene

Array = NDArray[Any]
ROOM = 6

AHEAD = look((0, 0.5, 1.5), yaw=0, pitch=0, roll=0, field=math.radians(70), mirrored=False)


def scenes(count: int, split: str = "train") -> list[Scene]:
    """The first scenes of a split."""
    return [make_scene(f"0/{split}/{index:06d}") for index in range(count)]


def solids(*rows: tuple[Shape, Sequence[float], Sequence[float], float]) -> Solids:
    """Solids from (shape, centre, half extents, angle in radians), in the order of shapes."""
    shape, centre, half, angle = zip(*rows, strict=True)
    assert list(shape) == sorted(shape)
    return Solids(
        np.array(shape, np.int8),
        np.array(centre, np.float32).T.copy(),
        np.array(half, np.float32).T.copy(),
        np.array([np.cos(angle), np.sin(angle)], np.float32),
    )


def by_hand(things: Solids, camera: Camera = AHEAD, lamp: Sequence[float] = (0, 1, 2.9)) -> Scene:
    """White balls (by class) in a white room of 4 x 5 x 3 m, each a thing of its own, with one lamp and a perfect sensor."""
    count = len(things.shape)
    white = Materials(
        texture=np.zeros(1, np.int8),
        colours=np.ones((1, 3, 3), np.float32),
        scale=np.ones(1, np.float32),
        offset=np.zeros(1, np.float32),
        swap=np.zeros(1, np.bool_),
        glow=np.zeros(1, np.float32),
        gloss=np.zeros(1, np.float32),
    )
    return Scene(
        low=np.array([-2, 0, 0], np.float32),
        high=np.array([2, 5, 3], np.float32),
        solids=things,
        label=np.array([1, 1, 1, 1, 0, 2] + [11] * count, np.uint8),
        instance=np.arange(ROOM + count, dtype=np.int16),
        material=np.zeros(ROOM + count, np.int16),
        materials=white,
        lights=Lights(np.array([lamp], np.float32), np.ones((1, 3), np.float32), np.full(3, 0.05, np.float32)),
        camera=camera,
        film=Film(exposure=0.2, blur=0, noise=0, seed=0),
        facts={"checker_floor": False, "warm_light": False, "looking_down": False},
    )


def back_project(scene: Scene, depth: Array) -> Array:
    """Points of a depth map in the camera's frame, float64, shape (height, width, 3)."""
    height, width = depth.shape
    focal = scene.camera.focal * max(height, width)
    points = np.empty((height, width, 3))
    for row in range(height):
        for column in range(width):
            x, y = (column + 0.5 - width / 2) / focal, (row + 0.5 - height / 2) / focal
            points[row, column] = np.array([x, y, 1.0]) * float(depth[row, column])
    return points


def to_world(scene: Scene, points: Array) -> Array:
    """Camera frame to world, float64."""
    return points @ scene.camera.axes.astype(float) + scene.camera.position.astype(float)


def bounds(scene: Scene, surface: int, point: Array) -> Array:
    """What must all be negative inside a solid (or outside the room), and one of which is zero on the surface.

    Args:
        scene: The scene.
        surface: Below 6 a face of the room, else 6 + the solid.
        point: World coordinates, shape (..., 3).

    Returns:
        Shape (..., constraints).
    """
    if surface < ROOM:
        axis, high = divmod(surface, 2)
        wall = float((scene.high if high else scene.low)[axis])
        return (wall - point[..., axis : axis + 1]) * (1 if high else -1)
    things, index = scene.solids, surface - ROOM
    offset = point - things.centre[:, index].astype(float)
    angle = math.atan2(things.turn[1, index], things.turn[0, index])
    turned = offset[..., 0] + 1j * offset[..., 1]
    turned = turned * np.exp(-1j * angle)
    own = np.stack([turned.real, turned.imag, offset[..., 2]], -1)
    half = things.half[:, index].astype(float)
    if things.shape[index] == Shape.BOX:
        return np.abs(own) - half
    if things.shape[index] == Shape.BALL:
        return np.linalg.norm(own, axis=-1, keepdims=True) - half[0]
    return np.stack([np.hypot(own[..., 0], own[..., 1]) - half[0], np.abs(own[..., 2]) - half[2]], -1)


def distance(scene: Scene, surface: int, point: Array) -> Array:
    """Implicit function of a surface: zero on it, positive on the side where the camera may be."""
    return bounds(scene, surface, point).max(-1)


def gradient(scene: Scene, surface: int, point: Array) -> Array:
    """Normal by central differences of the implicit function, shape (3,)."""
    step = 1e-5
    axes = step * np.eye(3)
    values = distance(scene, surface, point + axes) - distance(scene, surface, point - axes)
    return values / np.linalg.norm(values)


def at_kink(scene: Scene, surface: int, point: Array) -> bool:
    """Whether a point is so close to a sharp edge of a solid that the implicit function has no gradient."""
    values = np.sort(bounds(scene, surface, point))
    return bool(len(values) > 1 and values[-1] - values[-2] < 1e-4)
