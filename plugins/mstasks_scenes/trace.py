"""What each pixel sees, exactly: surface, depth and normal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mstasks_scenes.camera import Floats
from mstasks_scenes.geometry import Crossings, Shape, crossings
from mstasks_scenes.scene import ROOM_FACES, Scene


@dataclass(frozen=True, slots=True)
class Visible:
    """The first surface on each of n rays.

    Attributes:
        size: Height and width of the image; n is their product.
        depth: Metres along the optical axis, shape (n,).
        surface: Index of the surface, below 6 a face of the room, else 6 + the solid, shape (n,).
        face: Number of the smooth piece of surface, unique in the scene, shape (n,).
        axis: Which own axis the face is perpendicular to, 0 on curved faces, shape (n,).
        curved: Whether the face is curved, shape (n,).
        point: World coordinates, shape (3, n).
        local: Coordinates along the surface's own axes from its centre, shape (3, n).
        half: Half extents of the surface's solid, or of the room, shape (3, n).
        normal: World, unit, towards the camera, shape (3, n).
    """

    size: tuple[int, int]
    depth: Floats
    surface: NDArray[np.intp]
    face: NDArray[np.intp]
    axis: NDArray[np.int8]
    curved: NDArray[np.bool_]
    point: Floats
    local: Floats
    half: Floats
    normal: Floats


def trace(scene: Scene, size: tuple[int, int]) -> Visible:
    """Follow the ray of each pixel of an image of this height and width to the first surface."""
    rays = scene.camera.rays(size)
    depth, surface = _room(scene, rays)
    axis = (surface // 2).astype(np.int8)
    found = crossings(scene.solids, scene.camera.position, rays)
    np.minimum.at(depth, found.ray, found.enter)
    first = found.enter == depth[found.ray]
    ray, solid = found.ray[first], found.solid[first]
    surface[ray], axis[ray] = ROOM_FACES + solid, found.axis[first]
    return _describe(scene, size, rays, depth, surface, axis)


def _room(scene: Scene, rays: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Where each ray leaves the room from within, and through which of its six faces."""
    bound = np.where(rays > 0, scene.high[:, None], scene.low[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        leave = np.where(rays == 0, np.float32(np.inf), (bound - scene.camera.position[:, None]) / rays)
    depth = leave.min(0)
    surface = (rays[0] > 0).astype(np.intp)
    for axis in (1, 2):
        surface = np.where(leave[axis] == depth, 2 * axis + (rays[axis] > 0), surface)
    return depth, surface


def _describe(
    scene: Scene,
    size: tuple[int, int],
    rays: Floats,
    depth: Floats,
    surface: NDArray[np.intp],
    axis: NDArray[np.int8],
) -> Visible:
    """Points, normals and faces of what was found."""
    own = scene.surfaces().take(surface)
    point = scene.camera.position[:, None] + depth * rays
    local = own.local(point - own.centre)
    curved = (own.shape != Shape.BOX) & ((own.shape == Shape.BALL) | (axis == 0))
    # Flat faces look back at the ray: those of the room from within, those of solids from without.
    outward = np.where(axis == np.arange(3)[:, None], -np.sign(own.local(rays)), np.float32(0))
    side = np.where(curved, 6, 2 * axis + (outward.sum(0) > 0))
    bent = np.flatnonzero(curved)
    radial = local[:, bent]
    radial[2] *= own.shape[bent] == Shape.BALL
    outward[:, bent] = radial / np.sqrt((radial * radial).sum(0))
    return Visible(size, depth, surface, 8 * surface + side, axis, curved, point, local, own.half, own.world(outward))


def lit(scene: Scene, visible: Visible, lamp: int, facing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which visible points see a lamp, shape (n,); only those in `facing` are asked, the rest is False."""
    ray = np.flatnonzero(facing)
    position = scene.lights.position[lamp]
    found = crossings(scene.solids, position, visible.point.take(ray, 1) - position[:, None])
    result = facing.copy()
    result[ray[_between(found, visible.surface[ray])]] = False
    return result


def _between(found: Crossings, surface: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rays that cross a solid before they reach their point, at parameter 1.

    A convex solid never shades its own side that faces the lamp, so it is left out; a tolerance would not be exact.
    """
    blocked = (found.enter < 1) & (found.solid != surface[found.ray] - ROOM_FACES)
    return np.compress(blocked, found.ray)
