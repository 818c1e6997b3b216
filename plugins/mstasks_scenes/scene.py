"""A scene: everything that the renderer needs to know, nothing about pixels."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from mstasks_scenes.camera import Camera, Floats
from mstasks_scenes.geometry import Solids

ROOM_FACES = 6
"""A surface index below this is a face of the room, (x, x, y, y, z, z) with the lower bound first; above, a solid."""


class Texture(IntEnum):
    """How a material's three colours are spread; `mstasks_scenes.patterns` draws each."""

    PLAIN = 0
    CHECKER = 1
    STRIPES = 2
    PLANKS = 3
    TILES = 4
    FABRIC = 5
    PANELS = 6
    DRAWERS = 7
    BOOKS = 8
    WINDOW = 9
    PAINTING = 10


@dataclass(frozen=True, slots=True)
class Materials:
    """M materials as arrays.

    Attributes:
        texture: `Texture` of each, shape (M,).
        colours: Linear RGB reflectances in [0, 1], three per material, shape (M, 3, 3).
        scale: Size of the pattern in metres, or its count where the pattern fills a face, shape (M,).
        offset: Where the pattern starts, shape (M,).
        swap: Whether the pattern is turned by 90 degrees, shape (M,).
        glow: Light that the surface sends out by itself, as a multiple of its colour, shape (M,).
        gloss: Strength of the mirror image of the lamps, shape (M,).
    """

    texture: NDArray[np.int8]
    colours: Floats
    scale: Floats
    offset: Floats
    swap: NDArray[np.bool_]
    glow: Floats
    gloss: Floats


@dataclass(frozen=True, slots=True)
class Lights:
    """Point lamps and what reaches every place.

    Attributes:
        position: World coordinates, shape (lamps, 3).
        colour: Linear RGB power, shape (lamps, 3).
        ambient: Linear RGB radiance from everywhere, shape (3,).
    """

    position: Floats
    colour: Floats
    ambient: Floats


@dataclass(frozen=True, slots=True)
class Film:
    """How radiance becomes a picture.

    Attributes:
        exposure: Mean linear value that the image is exposed to.
        blur: Share of a pixel's light that each of its two neighbours gets, per direction.
        noise: Standard deviation of the sensor's noise, as a fraction of white.
        seed: Of that noise.
    """

    exposure: float
    blur: float
    noise: float
    seed: int


@dataclass(frozen=True, slots=True)
class Scene:
    """A room with solids in it, lamps and a camera.

    Attributes:
        low: Lower corner of the room, shape (3,).
        high: Upper corner of the room, shape (3,).
        solids: What stands in the room; all inside it.
        label: Class index of each surface, shape (6 + solids,).
        instance: Surfaces with one number belong to one thing, shape (6 + solids,).
        material: Material index of each surface, shape (6 + solids,).
        materials: The materials.
        lights: The lamps.
        camera: Inside the room and outside every solid.
        film: How the picture is taken.
        facts: Attributes that are known before anything is rendered, by name.
    """

    low: Floats
    high: Floats
    solids: Solids
    label: NDArray[np.uint8]
    instance: NDArray[np.int16]
    material: NDArray[np.int16]
    materials: Materials
    lights: Lights
    camera: Camera
    film: Film
    facts: dict[str, bool]

    def surfaces(self) -> Solids:
        """Whose faces the surfaces are: the room itself for the first six, then the solids."""
        low, high = self.low[:, None], self.high[:, None]
        shape = np.zeros(ROOM_FACES, np.int8)
        turn = np.array([[1], [0]], np.float32).repeat(ROOM_FACES, 1)
        return Solids(
            np.concatenate([shape, self.solids.shape]),
            np.concatenate([((low + high) / 2).repeat(ROOM_FACES, 1), self.solids.centre], 1),
            np.concatenate([((high - low) / 2).repeat(ROOM_FACES, 1), self.solids.half], 1),
            np.concatenate([turn, self.solids.turn], 1),
        )
