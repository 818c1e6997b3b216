"""A second renderer of the scenes' labels, slow and plain, written from what the surfaces are.

It shares no code with the plugin, computes in float64, and finds surfaces in another way:

- boxes and the room are six polygons each, hit where a ray meets a polygon's plane within all of its sides; the caps of
  cylinders are discs;
- balls and the sides of cylinders are zeros of a convex function, whose least value along a ray is sought by thirds and
  whose first zero is then bisected; their normals are differences of that function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mstasks_scenes.scene import Scene

Array = NDArray[Any]
Function = Callable[[Array], Array]
BOX, BALL, CYLINDER = 0, 1, 2
FAR = 30.0
"""No room is as long, in metres."""


@dataclass(frozen=True)
class Face:
    """A smooth piece of surface.

    Attributes:
        surface: Index into the scene's labels and instances: 0 to 5 for the room, else 6 + the solid.
        along: Ray parameter (n,) where rays (n, 3) from an eye (3,) meet its visible side first; infinite if never.
        normal: Unit vectors (n, 3) at points (n, 3) of the face, out of the solid or into the room.
    """

    surface: int
    along: Callable[[Array, Array], Array]
    normal: Function


@dataclass(frozen=True)
class Seen:
    """What n rays see: index of the face and of the surface, depth (n,), point and normal in the world (n, 3)."""

    face: Array
    surface: Array
    depth: Array
    point: Array
    normal: Array


def flat(surface: int, corner: Array, normal: Array, within: Function) -> Face:
    """The part of a plane that is `within`, visible from where its normal points to."""

    def along(eye: Array, rays: Array) -> Array:
        towards = rays @ normal
        with np.errstate(divide="ignore", invalid="ignore"):
            result = ((corner - eye) @ normal) / towards
            good = (towards < 0) & (result > 0) & within(eye + result[:, None] * rays)
        return np.where(good, result, np.inf)

    return Face(surface, along, lambda point: np.broadcast_to(normal, point.shape))


def polygon(surface: int, corners: Array) -> Face:
    """A convex polygon, its corners (k, 3) counter-clockwise as seen from its visible side."""
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    normal /= np.linalg.norm(normal)
    sides = np.roll(corners, -1, 0) - corners

    def within(point: Array) -> Array:
        towards = [(point - corner) @ np.cross(normal, side) for corner, side in zip(corners, sides, strict=True)]
        return np.asarray(np.min(towards, axis=0) >= 0)

    return flat(surface, corners[0], normal, within)


def block(low: Array, high: Array) -> list[Array]:
    """Six rectangles (4, 3): x, x, y, y, z, z, the lower bound first; counter-clockwise as seen from without."""
    faces = []
    for axis in range(3):
        one, two = np.roll(np.eye(3), -axis, 0)[1:] * (high - low) / 2
        for bound, turn in ((low, -1), (high, 1)):
            middle = (low + high) / 2
            middle[axis] = bound[axis]
            faces.append(
                np.array([middle - one - two, middle + one - two, middle + one + two, middle - one + two])[::turn]
            )
    return faces


def curved(surface: int, outside: Function, kept: Function) -> Face:
    """Where a convex function of place is zero: negative inside, positive at the eye; only the part that is `kept`."""

    def along(eye: Array, rays: Array) -> Array:
        def value(parameter: Array) -> Array:
            return outside(eye + parameter[:, None] * rays)

        low, high = np.zeros(len(rays)), np.full(len(rays), FAR)
        for _ in range(70):  # until they are 1e-11 m apart
            one, two = low + (high - low) / 3, high - (high - low) / 3
            falls = value(one) > value(two)
            low, high = np.where(falls, one, low), np.where(falls, high, two)
        before, behind = np.zeros(len(rays)), (low + high) / 2
        hit = value(behind) < 0
        for _ in range(45):
            middle = (before + behind) / 2
            is_outside = value(middle) > 0
            before, behind = np.where(is_outside, middle, before), np.where(is_outside, behind, middle)
        return np.where(hit & kept(eye + behind[:, None] * rays), behind, np.inf)

    def normal(point: Array) -> Array:
        steps = 1e-6 * np.eye(3)
        gradient = np.stack([outside(point + step) - outside(point - step) for step in steps], -1)
        return np.asarray(gradient / np.linalg.norm(gradient, axis=-1, keepdims=True))

    return Face(surface, along, normal)


def box(surface: int, centre: Array, half: Array, turn: Array) -> list[Face]:
    """A box turned about the vertical by the angle of this cosine and sine."""
    cosine, sine = turn
    rotation = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    return [polygon(surface, centre + corners @ rotation.T) for corners in block(-half, half)]


def ball(surface: int, centre: Array, half: Array, _: Array) -> list[Face]:
    """A ball whose radius is any of the half extents."""
    return [curved(surface, lambda p: np.linalg.norm(p - centre, axis=-1) - half[0], lambda p: np.full(len(p), True))]


def cylinder(surface: int, centre: Array, half: Array, _: Array) -> list[Face]:
    """An upright cylinder: its side, its bottom and its top."""

    def beyond(point: Array) -> Array:
        return np.asarray(np.hypot(point[..., 0] - centre[0], point[..., 1] - centre[1]) - half[0])

    side = curved(surface, beyond, lambda point: np.abs(point[:, 2] - centre[2]) <= half[2])
    up = np.array([0, 0, 1.0])
    return [side, *(flat(surface, centre + s * half[2] * up, s * up, lambda p: beyond(p) <= 0) for s in (-1, 1))]


def faces_of(scene: Scene) -> list[Face]:
    """All faces of a scene, in float64: the room's from within, the solids' from without."""
    room = block(scene.low.astype(float), scene.high.astype(float))
    found = [polygon(index, corners[::-1]) for index, corners in enumerate(room)]
    things = scene.solids
    for index, shape in enumerate(things.shape):
        centre, half, turn = (values[:, index].astype(float) for values in (things.centre, things.half, things.turn))
        found += {BOX: box, BALL: ball, CYLINDER: cylinder}[int(shape)](len(room) + index, centre, half, turn)
    return found


def rays_of(scene: Scene, rows: Array, columns: Array, size: tuple[int, int]) -> Array:
    """World directions (n, 3) through places of an image; the middle of the first pixel is row 0, column 0."""
    focal = scene.camera.focal * max(size)
    right, down, ahead = scene.camera.axes.astype(float)
    x, y = (columns - (size[1] - 1) / 2) / focal, (rows - (size[0] - 1) / 2) / focal
    return np.asarray(x[:, None] * right + y[:, None] * down + ahead)


def see(scene: Scene, faces: list[Face], rays: Array) -> Seen:
    """The nearest face on each ray, by trying all of them."""
    eye, ahead = scene.camera.position.astype(float), scene.camera.axes[2].astype(float)
    along = np.array([face.along(eye, rays) for face in faces])
    nearest = along.argmin(0)
    point = eye + along.min(0)[:, None] * rays
    normal = np.empty_like(point)
    for index, face in enumerate(faces):
        normal[nearest == index] = face.normal(point[nearest == index])
    surface = np.array([face.surface for face in faces])[nearest]
    return Seen(nearest, surface, (point - eye) @ ahead, point, normal)
