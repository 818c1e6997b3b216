"""What colour each visible point has by itself."""

from __future__ import annotations

import numpy as np

from mstasks_scenes.camera import Floats
from mstasks_scenes.geometry import Indices
from mstasks_scenes.patterns import PATTERNS, Patch
from mstasks_scenes.scene import Scene, Texture
from mstasks_scenes.trace import Visible


def reflectance(scene: Scene, visible: Visible) -> Floats:
    """Linear RGB reflectance of what each pixel sees, shape (3, n)."""
    materials = scene.materials
    material = scene.material[visible.surface].astype(np.intp)
    texture = materials.texture[material]
    u, v, unit_u, unit_v = _coordinates(visible)
    swap = materials.swap[material]
    u, v = np.where(swap, v, u), np.where(swap, u, v)
    clear = np.clip(2 - 2 * _footprint(scene, visible) / materials.scale[material], 0, 1)
    upright = (visible.axis != 2).astype(np.float32)
    scale, offset = materials.scale[material], materials.offset[material]
    columns = (u, v, unit_u, unit_v, upright, scale, offset, clear)
    place = np.zeros(len(u), np.float32)
    for kind in np.unique(texture):
        covered = np.flatnonzero(texture == kind)
        place[covered] = PATTERNS[Texture(kind)](Patch(*(column[covered] for column in columns)))
    return _ramp(materials.colours, material, place)


def _ramp(colours: Floats, material: Indices, place: Floats) -> Floats:
    """The colour at a place in [0, 2] between the three colours of a material, shape (3, n)."""
    second = 1 - np.abs(place - 1)
    first, third = np.maximum(1 - place, 0), np.maximum(place - 1, 0)
    palette = colours.transpose(2, 1, 0)
    return np.stack(
        [first * one[material] + second * two[material] + third * three[material] for one, two, three in palette]
    )


def _coordinates(visible: Visible) -> tuple[Floats, Floats, Floats, Floats]:
    """Surface coordinates in metres, and from -1 to 1 over the face."""
    x, y, z = visible.local
    half_x, half_y, half_z = visible.half
    side, top = visible.axis == 0, visible.axis == 2
    u, v = np.where(side, y, x), np.where(top, y, z)
    unit_u, unit_v = u / np.where(side, half_y, half_x), v / np.where(top, half_y, half_z)
    bent = np.flatnonzero(visible.curved)
    angle = np.arctan2(y[bent], x[bent])
    u[bent], unit_u[bent] = angle * half_x[bent], angle / np.float32(np.pi)
    return u, v, unit_u, unit_v


def _footprint(scene: Scene, visible: Visible) -> Floats:
    """Metres of surface that one pixel spans in the direction where it spans most, shape (n,)."""
    ray = visible.point - scene.camera.position[:, None]
    across = np.sqrt((ray * ray).sum(0))
    cosine = -(ray * visible.normal).sum(0) / across
    return np.asarray(across / np.maximum(cosine, 0.05) / np.float32(scene.camera.pixels(visible.size)))
