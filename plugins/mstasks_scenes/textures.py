"""Patterns on surfaces: how much of a material's three colours a point shows.

A pattern maps surface coordinates to a place on the ramp of the three colours: 0, 1 and 2 are the colours themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from mstasks_scenes.camera import Floats
from mstasks_scenes.geometry import Indices
from mstasks_scenes.scene import ROOM_FACES, Scene, Texture
from mstasks_scenes.trace import Visible

_LATTICE = 64


@dataclass(frozen=True, slots=True)
class Patch:
    """The n points of an image that one pattern covers.

    Attributes:
        u: Metres along the face, horizontal on upright faces, shape (n,).
        v: Metres across, upwards on upright faces, shape (n,).
        unit_u: The same from -1 to 1 over the face, shape (n,).
        unit_v: Likewise.
        upright: Whether the face is vertical, shape (n,).
        scale: The material's scale, shape (n,).
        offset: The material's offset, shape (n,).
        clear: 1 where a pixel is small against `scale`, 0 where the pattern is too fine to be seen, shape (n,).
    """

    u: Floats
    v: Floats
    unit_u: Floats
    unit_v: Floats
    upright: Floats
    scale: Floats
    offset: Floats
    clear: Floats


@cache
def _lattice() -> Floats:
    """Fixed random numbers in [0, 1), shape (64, 64); scenes differ by where they read it."""
    return np.random.default_rng(0).random((_LATTICE, _LATTICE), np.float32)


def _hash(u: Floats, v: Floats) -> Floats:
    """A random number in [0, 1) for each cell of the integer grid."""
    return _lattice()[u.astype(np.int32) % _LATTICE, v.astype(np.int32) % _LATTICE]


def _noise(u: Floats, v: Floats) -> Floats:
    """Smooth noise in [0, 1) that changes over about one unit: random values on the grid, interpolated."""
    low_u, low_v = np.floor(u), np.floor(v)
    s, t = u - low_u, v - low_v
    s, t = s * s * (3 - 2 * s), t * t * (3 - 2 * t)
    row, column = low_u.astype(np.int32) % _LATTICE, low_v.astype(np.int32) % _LATTICE
    below, right = (row + 1) % _LATTICE, (column + 1) % _LATTICE
    table = _lattice()
    upper = table[row, column] * (1 - t) + table[row, right] * t
    lower = table[below, column] * (1 - t) + table[below, right] * t
    return upper * (1 - s) + lower * s


def _wave(x: Floats) -> Floats:
    """Position within each unit cell, in [0, 1)."""
    return x - np.floor(x)


def _plain(p: Patch) -> Floats:
    return 0.25 * _noise(2 * p.u + p.offset, 2 * p.v)


def _checker(p: Patch) -> Floats:
    odd = (np.floor(p.u / p.scale + p.offset) + np.floor(p.v / p.scale + p.offset)) % 2
    return 0.5 + (odd - 0.5) * p.clear


def _stripes(p: Patch) -> Floats:
    return 0.5 + (np.floor(p.u / p.scale + p.offset) % 2 - 0.5) * p.clear


def _planks(p: Patch) -> Floats:
    across = p.v / p.scale + p.offset
    plank = np.floor(across)
    tone = _hash(plank, np.floor(p.u / 1.4 + 0.37 * plank))
    grain = _noise(2 * p.u + 7 * plank, 6 * across)
    gap = (_wave(across) < 0.07) * p.clear
    return 0.55 * tone + 0.45 * grain + gap * (2 - 0.55 * tone - 0.45 * grain)


def _tiles(p: Patch) -> Floats:
    u, v = p.u / p.scale + p.offset, p.v / p.scale + p.offset
    joint = ((_wave(u) < 0.06) | (_wave(v) < 0.06)) * p.clear
    tone = 0.5 * _hash(np.floor(u), np.floor(v))
    return tone + joint * (2 - tone)


def _fabric(p: Patch) -> Floats:
    u, v = p.u / p.scale + p.offset, p.v / p.scale
    return 0.6 * _noise(u, v) + 0.6 * p.clear * (_noise(3 * u, 3 * v) - 0.5) + 0.2


def _panels(p: Patch) -> Floats:
    """Two framed fields, and a handle."""
    u, v = np.abs(p.unit_u), np.abs(np.abs(p.unit_v - 0.05) - 0.5)
    line = (np.maximum(u / 0.62, v / 0.38) > 0.9) & (np.maximum(u / 0.62, v / 0.38) < 1)
    handle = (np.abs(p.unit_u - 0.84) < 0.07) & (np.abs(p.unit_v) < 0.04)
    return line * 1.0 + handle * 2.0


def _drawers(p: Patch) -> Floats:
    """Rows of fronts with a joint between them and a handle on each."""
    row = _wave((p.unit_v + 1) / 2 * p.scale)
    joint = (row < 0.06) | (np.abs(p.unit_u) > 0.96)
    handle = (np.abs(row - 0.55) < 0.07) & (np.abs(np.abs(p.unit_u) - 0.5) < 0.14)
    return p.upright * (joint * 1.0 + handle * 2.0)


def _books(p: Patch) -> Floats:
    """Shelves of spines of random colour and height; the shelf itself has the first colour."""
    shelf = (p.unit_v + 1) / 2 * p.scale
    spine = np.floor(p.u / 0.045 + p.offset)
    tone = _hash(spine, np.floor(shelf) + p.offset * 5)
    filled = (_wave(shelf) > 0.08) & (_wave(shelf) < 0.62 + 0.3 * tone) & (np.abs(p.unit_u) < 0.94)
    return filled * (0.3 + 1.7 * tone) * p.upright


def _window(p: Patch) -> Floats:
    """Panes of sky over land in a frame; the third colour is the frame's."""
    land = np.clip((p.offset - 0.5 + 0.3 * _noise(3 * p.u + p.offset, p.u * 0) - p.unit_v) * 4, 0, 1)
    u = np.abs(_wave((p.unit_u + 1) / 2 * p.scale) - 0.5)
    frame = (u > 0.44) | (np.abs(p.unit_v) > 0.9) | (np.abs(p.unit_v) < 0.035)
    return np.where(frame, 2, land)


def _painting(p: Patch) -> Floats:
    """Soft shapes in a frame."""
    inside = _noise(1.5 * p.unit_u + p.offset * 20, p.scale * p.unit_v + p.offset * 9)
    sharp = np.clip((inside - 0.5) * 5 + 0.5, 0, 1)
    frame = (np.abs(p.unit_u) > 0.86) | (np.abs(p.unit_v) > 0.86)
    return np.where(frame, 2, sharp)


_PATTERNS: dict[Texture, Callable[[Patch], Floats]] = {
    Texture.PLAIN: _plain,
    Texture.CHECKER: _checker,
    Texture.STRIPES: _stripes,
    Texture.PLANKS: _planks,
    Texture.TILES: _tiles,
    Texture.FABRIC: _fabric,
    Texture.PANELS: _panels,
    Texture.DRAWERS: _drawers,
    Texture.BOOKS: _books,
    Texture.WINDOW: _window,
    Texture.PAINTING: _painting,
}


def reflectance(scene: Scene, visible: Visible) -> Floats:
    """Linear RGB reflectance of what each pixel sees, shape (3, n)."""
    materials = scene.materials
    material = scene.material[visible.surface]
    texture = materials.texture[material]
    u, v, unit_u, unit_v = _coordinates(scene, visible)
    swap = materials.swap[material]
    u, v = np.where(swap, v, u), np.where(swap, u, v)
    clear = np.clip(2 - 2 * _footprint(scene, visible) / materials.scale[material], 0, 1)
    upright = (visible.axis != 2).astype(np.float32)
    scale, offset = materials.scale[material], materials.offset[material]
    columns = (u, v, unit_u, unit_v, upright, scale, offset, clear)
    place = np.zeros(len(u), np.float32)
    for kind in np.unique(texture):
        covered = np.flatnonzero(texture == kind)
        place[covered] = _PATTERNS[Texture(kind)](Patch(*(column[covered] for column in columns)))
    return _ramp(materials.colours, material, place)


def _ramp(colours: Floats, material: Indices, place: Floats) -> Floats:
    """The colour at a place in [0, 2] between the three colours of a material, shape (3, n)."""
    second = 1 - np.abs(place - 1)
    first, third = np.maximum(1 - place, 0), np.maximum(place - 1, 0)
    palette = colours.transpose(2, 1, 0)
    return np.stack(
        [first * one[material] + second * two[material] + third * three[material] for one, two, three in palette]
    )


def _coordinates(scene: Scene, visible: Visible) -> tuple[Floats, Floats, Floats, Floats]:
    """Surface coordinates in metres, and from -1 to 1 over the face."""
    room = ((scene.high - scene.low) / 2)[:, None].repeat(ROOM_FACES, 1)
    half = np.concatenate([room, scene.solids.half], axis=1)
    local = visible.local.copy()
    inside = visible.surface < ROOM_FACES
    local -= inside * room[:, :1]
    x, y, z = local
    half_x, half_y, half_z = (row[visible.surface] for row in half)
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
    return across / np.maximum(cosine, 0.05) / np.float32(scene.camera.pixels(visible.size))
