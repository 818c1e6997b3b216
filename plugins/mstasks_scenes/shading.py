"""From surfaces to an image: lamps with shadows, ambient light, lens and sensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mstasks_scenes.camera import Floats
from mstasks_scenes.scene import Film, Scene
from mstasks_scenes.textures import reflectance
from mstasks_scenes.trace import Visible, lit

_GAMMA = np.float32(1 / 2.2)
_WHITE = np.array([0.2126, 0.7152, 0.0722], np.float32)


def shade(scene: Scene, visible: Visible) -> NDArray[np.uint8]:
    """The picture of what is visible: sRGB-like, shape (height, width, 3)."""
    colour = reflectance(scene, visible)
    light, mirrored = _lamps(scene, visible)
    light += scene.lights.ambient[:, None] * _openness(scene, visible)
    glow = scene.materials.glow[scene.material[visible.surface]]
    radiance = colour * (light + glow) + mirrored
    return develop(radiance.reshape(3, *visible.size), scene.film)


def _lamps(scene: Scene, visible: Visible) -> tuple[Floats, Floats]:
    """Light that falls on each point, and the highlights that it makes, both linear RGB of shape (3, n)."""
    falling, mirrored = np.zeros_like(visible.point), np.zeros_like(visible.point)
    gloss = scene.materials.gloss[scene.material[visible.surface]]
    shiny = gloss > 0
    for lamp, (position, power) in enumerate(zip(scene.lights.position, scene.lights.colour, strict=True)):
        towards = position[:, None] - visible.point
        squared = (towards * towards).sum(0)
        slant = (towards * visible.normal).sum(0)
        seen = lit(scene, visible, lamp, slant > 0)
        # One metre is added to the distance: a lamp has a size, and a point would burn out what is next to it.
        falling += power[:, None] * (seen * slant / (np.sqrt(squared) * (squared + 1)))
        some = np.flatnonzero(seen & shiny)
        mirrored[:, some] += power[:, None] * (gloss[some] * _highlight(scene, visible, towards[:, some], some))
    return falling, mirrored


def _highlight(scene: Scene, visible: Visible, towards: Floats, some: NDArray[np.intp]) -> Floats:
    """Blinn's highlight (cosine of the half vector to the 48th power) at some of the points."""
    back = scene.camera.position[:, None] - visible.point[:, some]
    half = towards / np.sqrt((towards * towards).sum(0)) + back / np.sqrt((back * back).sum(0))
    cosine = (half * visible.normal[:, some]).sum(0) / np.sqrt((half * half).sum(0))
    return np.asarray(np.maximum(cosine, 0) ** 48)


def _openness(scene: Scene, visible: Visible) -> Floats:
    """Share of the ambient light that reaches a point: less in the room's corners and close to the floor."""
    result = np.ones_like(visible.depth)
    for bound in (scene.low, scene.high):
        distance = np.abs(visible.point - bound[:, None]) * 4
        factor = 1 - 0.4 / (1 + distance * distance)
        # A face of the room is not in its own way.
        factor[distance < 1e-3] = 1
        result *= factor.prod(0)
    return result


def develop(radiance: Floats, film: Film) -> NDArray[np.uint8]:
    """Expose linear RGB (3, height, width) to an 8-bit picture (height, width, 3): lens, tone curve, noise."""
    image = _blur(_blur(radiance, film.blur, 1), film.blur, 2)
    image *= film.exposure / np.float32((_WHITE @ image.reshape(3, -1)).mean())
    image = np.power(image * (1 + image / 6) / (1 + image), _GAMMA, dtype=np.float32)
    noise = np.random.default_rng(film.seed).standard_normal(image.shape, np.float32)
    image += np.float32(film.noise) * noise
    eight_bit: NDArray[np.uint8] = np.clip(255 * image + 0.5, 0, 255).astype(np.uint8)
    return eight_bit.transpose(1, 2, 0).copy()


def _blur(image: Floats, share: float, axis: int) -> Floats:
    """Give each neighbour along an axis a share of every pixel's light; the border keeps what would leave."""
    image = image.swapaxes(0, axis)
    result = np.float32(1 - 2 * share) * image
    part = np.float32(share) * image
    result[1:] += part[:-1]
    result[:-1] += part[1:]
    result[0] += part[0]
    result[-1] += part[-1]
    return result.swapaxes(0, axis)
