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
        local: Coordinates along the surface's own axes from its centre; from the room's lower corner for its faces.
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
    normal: Floats


def trace(scene: Scene, size: tuple[int, int]) -> Visible:
    """Follow the ray of each pixel of an image of this height and width to the first surface."""
    rays = scene.camera.rays(size)
    depth, axis = _room(scene, rays)
    surface = (2 * axis + (np.take_along_axis(rays, axis[None], 0)[0] > 0)).astype(np.intp)
    found = crossings(scene.solids, scene.camera.position, rays)
    np.minimum.at(depth, found.ray, found.enter)
    first = found.enter == depth[found.ray]
    ray, solid = found.ray[first], found.solid[first]
    surface[ray], axis[ray] = ROOM_FACES + solid, found.axis[first]
    return _describe(scene, size, rays, depth, surface, axis)


def _room(scene: Scene, rays: Floats) -> tuple[Floats, NDArray[np.int8]]:
    """Where each ray leaves the room from within, and through a wall perpendicular to which axis."""
    origin = scene.camera.position[:, None]
    bound = np.where(rays > 0, scene.high[:, None], scene.low[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        leave = np.where(rays == 0, np.float32(np.inf), (bound - origin) / rays)
    return leave.min(0), leave.argmin(0).astype(np.int8)


def _describe(
    scene: Scene,
    size: tuple[int, int],
    rays: Floats,
    depth: Floats,
    surface: NDArray[np.intp],
    axis: NDArray[np.int8],
) -> Visible:
    """Points, normals and faces of what was found."""
    solids, pixel = scene.solids, np.arange(len(depth))
    point = scene.camera.position[:, None] + depth * rays
    local, normal, curved = point - scene.low[:, None], np.zeros_like(point), np.zeros(len(depth), np.bool_)
    normal[axis, pixel] = -np.sign(rays[axis, pixel])
    own = np.flatnonzero(surface >= ROOM_FACES)
    solid = surface[own] - ROOM_FACES
    local[:, own] = solids.local(point[:, own] - solids.centre[:, solid], solid)
    normal[:, own], curved[own] = _outward(solids.shape[solid], local[:, own], axis[own])
    side = np.where(curved, 6, 2 * axis + (normal[axis, pixel] > 0))
    normal[:, own] = solids.world(normal[:, own], solid)
    return Visible(size, depth, surface, 8 * surface + side, axis, curved, point, local, normal)


def _outward(shape: NDArray[np.int8], local: Floats, axis: NDArray[np.int8]) -> tuple[Floats, NDArray[np.bool_]]:
    """Outward unit normals along the own axes of solids, and which of them are of a curved face."""
    flat = np.zeros_like(local)
    column = np.arange(len(axis))
    flat[axis, column] = np.sign(local[axis, column])
    curved = (shape == Shape.BALL) | ((shape == Shape.CYLINDER) & (axis == 0))
    radial = local.copy()
    radial[2] *= shape == Shape.BALL
    radial /= np.sqrt((radial * radial).sum(0)) + np.float32(1e-12)
    return np.where(curved, radial, flat), curved


def lit(scene: Scene, visible: Visible, lamp: int, facing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which visible points see a lamp, shape (n,); only those in `facing` are asked, the rest is False."""
    ray = np.flatnonzero(facing)
    position = scene.lights.position[lamp]
    found = crossings(scene.solids, position, visible.point[:, ray] - position[:, None])
    result = facing.copy()
    result[ray[_between(found, visible.surface[ray])]] = False
    return result


def _between(found: Crossings, surface: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rays that cross a solid before they reach their point, at parameter 1.

    A convex solid never shades its own side that faces the lamp, so it is left out; a tolerance would not be exact.
    """
    blocked = (found.enter < 1) & (found.solid != surface[found.ray] - ROOM_FACES)
    return found.ray[blocked]
