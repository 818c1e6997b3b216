"""Patterns: surface coordinates to a place on the ramp of a material's three colours (0, 1, 2 are the colours)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mstasks_scenes.scene import Texture

Values = NDArray[np.floating[Any]]

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

    u: Values
    v: Values
    unit_u: Values
    unit_v: Values
    upright: Values
    scale: Values
    offset: Values
    clear: Values


@cache
def _lattice() -> Values:
    """Fixed random numbers in [0, 1), shape (64, 64); scenes differ by where they read it."""
    return np.random.default_rng(0).random((_LATTICE, _LATTICE), np.float32)


def _hash(u: Values, v: Values) -> Values:
    """A random number in [0, 1) for each cell of the integer grid."""
    return _lattice()[u.astype(np.int32) % _LATTICE, v.astype(np.int32) % _LATTICE]


def _noise(u: Values, v: Values) -> Values:
    """Smooth noise in [0, 1) that changes over about one unit: random values on the grid, interpolated."""
    low_u, low_v = np.floor(u), np.floor(v)
    s, t = u - low_u, v - low_v
    s, t = s * s * (3 - 2 * s), t * t * (3 - 2 * t)
    row, column = low_u.astype(np.int32) % _LATTICE, low_v.astype(np.int32) % _LATTICE
    below, right = (row + 1) % _LATTICE, (column + 1) % _LATTICE
    table = _lattice()
    upper = table[row, column] * (1 - t) + table[row, right] * t
    lower = table[below, column] * (1 - t) + table[below, right] * t
    return np.asarray(upper * (1 - s) + lower * s)


def _wave(x: Values) -> Values:
    """Position within each unit cell, in [0, 1)."""
    return x - np.floor(x)


def _plain(p: Patch) -> Values:
    return 0.25 * _noise(2 * p.u + p.offset, 2 * p.v)


def _checker(p: Patch) -> Values:
    odd = (np.floor(p.u / p.scale + p.offset) + np.floor(p.v / p.scale + p.offset)) % 2
    return 0.5 + (odd - 0.5) * p.clear


def _stripes(p: Patch) -> Values:
    return 0.5 + (np.floor(p.u / p.scale + p.offset) % 2 - 0.5) * p.clear


def _planks(p: Patch) -> Values:
    across = p.v / p.scale + p.offset
    plank = np.floor(across)
    tone = _hash(plank, np.floor(p.u / 1.4 + 0.37 * plank))
    grain = _noise(2 * p.u + 7 * plank, 6 * across)
    gap = (_wave(across) < 0.07) * p.clear
    wood = 0.55 * tone + 0.45 * grain
    return np.asarray(wood + gap * (2 - wood))


def _tiles(p: Patch) -> Values:
    u, v = p.u / p.scale + p.offset, p.v / p.scale + p.offset
    joint = ((_wave(u) < 0.06) | (_wave(v) < 0.06)) * p.clear
    tone = 0.5 * _hash(np.floor(u), np.floor(v))
    return tone + joint * (2 - tone)


def _fabric(p: Patch) -> Values:
    u, v = p.u / p.scale + p.offset, p.v / p.scale
    return 0.6 * _noise(u, v) + 0.6 * p.clear * (_noise(3 * u, 3 * v) - 0.5) + 0.3


def _panels(p: Patch) -> Values:
    """Two framed fields, and a handle."""
    u, v = np.abs(p.unit_u), np.abs(np.abs(p.unit_v - 0.05) - 0.5)
    ring = np.maximum(u / 0.62, v / 0.38)
    line = (ring > 0.9) & (ring < 1)
    handle = (np.abs(p.unit_u - 0.84) < 0.07) & (np.abs(p.unit_v) < 0.04)
    return np.asarray(line * 1.0 + handle * 2.0)


def _drawers(p: Patch) -> Values:
    """Rows of fronts with a joint between them and a handle on each."""
    row = _wave((p.unit_v + 1) / 2 * p.scale)
    joint = (row < 0.06) | (np.abs(p.unit_u) > 0.96)
    handle = (np.abs(row - 0.55) < 0.07) & (np.abs(np.abs(p.unit_u) - 0.5) < 0.14)
    return np.asarray(p.upright * (joint * 1.0 + handle * 2.0))


def _books(p: Patch) -> Values:
    """Shelves of spines of random colour and height; the shelf itself has the first colour."""
    shelf = (p.unit_v + 1) / 2 * p.scale
    spine = np.floor(p.u / 0.045 + p.offset)
    tone = _hash(spine, np.floor(shelf) + p.offset * 5)
    filled = (_wave(shelf) > 0.08) & (_wave(shelf) < 0.62 + 0.3 * tone) & (np.abs(p.unit_u) < 0.94)
    return filled * (0.3 + 1.7 * tone) * p.upright


def _window(p: Patch) -> Values:
    """Panes of sky over land in a frame; the third colour is the frame's."""
    land = np.clip((p.offset - 0.5 + 0.3 * _noise(3 * p.u + p.offset, p.u * 0) - p.unit_v) * 4, 0, 1)
    u = np.abs(_wave((p.unit_u + 1) / 2 * p.scale) - 0.5)
    frame = (u > 0.44) | (np.abs(p.unit_v) > 0.9) | (np.abs(p.unit_v) < 0.035)
    return np.where(frame, 2, land)


def _painting(p: Patch) -> Values:
    """Soft shapes in a frame."""
    inside = _noise(1.5 * p.unit_u + p.offset * 20, p.scale * p.unit_v + p.offset * 9)
    sharp = np.clip((inside - 0.5) * 5 + 0.5, 0, 1)
    frame = (np.abs(p.unit_u) > 0.86) | (np.abs(p.unit_v) > 0.86)
    return np.where(frame, 2, sharp)


PATTERNS: dict[Texture, Callable[[Patch], Values]] = {
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
"""How each texture is drawn; every function returns places in [0, 2], shape (n,)."""
