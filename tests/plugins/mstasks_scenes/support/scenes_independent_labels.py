"""Edges and attributes from what a second renderer sees, by their documented definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scenes_independent import Seen

from mstasks_scenes.scene import Scene, Texture
from mstasks_scenes.targets import CLASSES

Array = NDArray[Any]
ROOM = 6
CREASE, STEP = math.cos(math.radians(20)), 0.018
# Float32 cannot tell what is closer to a limit than this: a cosine, metres, a part of the depth.
DOUBT_COSINE, DOUBT_METRES, DOUBT_DEPTH = 1e-5, 1e-4, 1e-5


def edges(scene: Scene, seen: Seen, size: tuple[int, int]) -> tuple[Array, Array]:
    """Pixels that must be edges, and those that may be, which differ where a limit is met to within rounding."""
    must, may = np.zeros(size, bool), np.zeros(size, bool)
    index = np.arange(size[0] * size[1]).reshape(size)
    for p, q in ((index[:, :-1].ravel(), index[:, 1:].ravel()), (index[:-1].ravel(), index[1:].ravel())):
        surely, perhaps = boundaries(scene, seen, p, q)
        farther = seen.depth[q] - seen.depth[p]
        doubt = DOUBT_DEPTH * seen.depth[p]
        for pixel, lead in ((p, farther), (q, -farther)):
            must.flat[pixel[surely & (lead > doubt)]] = True
            may.flat[pixel[perhaps & (lead >= -doubt)]] = True
    return must, may


def boundaries(scene: Scene, seen: Seen, p: Array, q: Array) -> tuple[Array, Array]:
    """Whether there is a boundary between pixels p and q: surely, perhaps."""
    things = scene.instance[seen.surface]
    other = things[p] != things[q]
    cosine = (seen.normal[p] * seen.normal[q]).sum(1)
    gap = seen.point[q] - seen.point[p]
    # "More than 1.8 cm off each other's plane": each off the other's.
    off = np.min([np.abs((gap * seen.normal[one]).sum(1)) for one in (p, q)], axis=0)
    differ = seen.face[p] != seen.face[q]
    surely = other | (cosine < CREASE - DOUBT_COSINE) | (off > STEP + DOUBT_METRES)
    perhaps = other | (cosine < CREASE + DOUBT_COSINE) | (off > STEP - DOUBT_METRES)
    return differ & surely, differ & perhaps


def attributes(scene: Scene, seen: Seen) -> dict[str, bool]:
    """What is in the image, of what the floor is, which light there is, how the camera is held."""
    labels, pixels = [CLASSES[label] for label in scene.label[seen.surface]], len(seen.surface)
    found = {name: labels.count(name) >= 0.005 * pixels for name in ("ball", "table", "picture", "window")}
    sizes: dict[int, int] = {}
    for label, surface in zip(labels, seen.surface, strict=True):
        if surface >= ROOM and label not in ("door", "window", "picture"):
            thing = int(scene.instance[surface])
            sizes[thing] = sizes.get(thing, 0) + 1
    red, _, blue = scene.lights.colour[0]
    return {
        **found,
        "checker_floor": scene.materials.texture[scene.material[4]] == Texture.CHECKER,
        "warm_light": bool(red > blue),
        "looking_down": math.degrees(math.asin(-scene.camera.axes[2, 2])) > 13,
        "cluttered": sum(size >= 0.003 * pixels for size in sizes.values()) >= 5,
    }
