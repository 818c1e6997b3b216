"""Random materials. Every thing draws from the same colours, so that no colour tells a class."""

from __future__ import annotations

import colorsys
from random import Random

import numpy as np

from mstasks_scenes.scene import Materials, Texture

Colour = tuple[float, float, float]


class Palette:
    """Invents materials and collects them; each method returns the index of a new material.

    Args:
        random: Where every draw comes from.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self._rows: list[tuple[Texture, tuple[Colour, Colour, Colour], float, float, bool, float, float]] = []

    def floor(self, checker: bool) -> int:
        """A floor: checkered, or boards, tiles, carpet, stripes, plain."""
        texture = Texture.CHECKER if checker else self._pick(_FLOORS)
        low, high = (0.3, 0.7) if checker else _SCALES.get(texture, (0.1, 0.3))
        return self._add(texture, self._colour(), low, high)

    def wall(self) -> int:
        """A wall: mostly plain and mostly pale, sometimes papered, tiled or panelled."""
        texture = self._pick(_WALLS)
        colour = self._pale() if self.random.random() < 0.6 else self._colour()
        return self._add(texture, colour, *_SCALES.get(texture, (0.1, 0.3)))

    def ceiling(self) -> int:
        """A ceiling: pale and nearly plain."""
        texture = self.random.choice((Texture.PLAIN, Texture.PLAIN, Texture.PLANKS))
        return self._add(texture, self._pale(), 0.2, 0.4)

    def thing(self, gloss: float = 0.0) -> int:
        """Furniture, a ball or a pot: any colour, any of the patterns that repeat."""
        texture = self._pick(_THINGS)
        return self._add(texture, self._colour(), *_SCALES.get(texture, (0.1, 0.3)), gloss=gloss)

    def front(self, texture: Texture) -> int:
        """A pattern that fills a face: panels, drawers, books."""
        low, high = (2, 5) if texture is Texture.BOOKS else (1, 5)
        return self._add(texture, self._colour(), low, high, whole=True)

    def painting(self) -> int:
        """A picture in a frame."""
        return self._add(Texture.PAINTING, self._colour(), 0.8, 3, whole=True)

    def window(self, daylight: float) -> int:
        """A window with the sky behind it, which glows by day."""
        sky = _linear(self.random.uniform(0.5, 0.65), self.random.uniform(0.05, 0.5), self.random.uniform(0.5, 1))
        return self._add(Texture.WINDOW, sky, 1, 3.99, whole=True, glow=daylight)

    def pack(self) -> Materials:
        """All materials so far, as arrays."""
        texture, colours, scale, offset, swap, glow, gloss = zip(*self._rows, strict=True)
        return Materials(
            np.array(texture, np.int8),
            np.array(colours, np.float32),
            np.array(scale, np.float32),
            np.array(offset, np.float32),
            np.array(swap, np.bool_),
            np.array(glow, np.float32),
            np.array(gloss, np.float32),
        )

    def _add(
        self,
        texture: Texture,
        first: Colour,
        low: float,
        high: float,
        *,
        whole: bool = False,
        glow: float = 0.0,
        gloss: float = 0.0,
    ) -> int:
        random = self.random
        scale = random.uniform(low, high)
        if whole and texture is not Texture.PAINTING:
            scale = float(int(scale))
        swap = not whole and random.random() < 0.5
        colours = (first, self._partner(first, texture), self._last(first, texture))
        self._rows.append((texture, colours, scale, random.random(), swap, glow, gloss))
        return len(self._rows) - 1

    def _pick(self, weights: dict[Texture, float]) -> Texture:
        return self.random.choices(list(weights), list(weights.values()))[0]

    def _pale(self) -> Colour:
        random = self.random
        return _linear(random.random(), random.uniform(0, 0.22), random.uniform(0.72, 0.95))

    def _colour(self) -> Colour:
        random = self.random
        kind = random.random()
        if kind < 0.25:
            return self._pale()
        if kind < 0.5:
            return _linear(random.uniform(0.04, 0.12), random.uniform(0.25, 0.65), random.uniform(0.3, 0.85))
        return _linear(random.random(), 0.75 * random.random(), random.uniform(0.25, 0.95))

    def _partner(self, first: Colour, texture: Texture) -> Colour:
        """The second colour: a shade of the first, or for loud patterns often a colour of its own."""
        random = self.random
        if texture in _LOUD and random.random() < 0.6:
            other = self._colour()
            if abs(sum(other) - sum(first)) > 0.5:
                return other
        factor = random.uniform(0.2, 0.5) if texture in _LOUD else random.uniform(0.5, 0.8)
        return first[0] * factor, first[1] * factor, first[2] * factor

    def _last(self, first: Colour, texture: Texture) -> Colour:
        """The third colour: of joints a dark shade, of frames, handles and spines a colour of its own."""
        if texture in (Texture.PLANKS, Texture.TILES):
            factor = self.random.choice((0.25, 0.4, 0.4, 1.4)) if texture is Texture.TILES else 0.3
            return min(first[0] * factor, 1.0), min(first[1] * factor, 1.0), min(first[2] * factor, 1.0)
        return self._colour()


_FLOORS = {
    Texture.PLANKS: 0.4,
    Texture.TILES: 0.2,
    Texture.FABRIC: 0.2,
    Texture.STRIPES: 0.05,
    Texture.PLAIN: 0.15,
}
_WALLS = {
    Texture.PLAIN: 0.55,
    Texture.STRIPES: 0.13,
    Texture.TILES: 0.12,
    Texture.FABRIC: 0.1,
    Texture.PLANKS: 0.06,
    Texture.CHECKER: 0.04,
}
_THINGS = {
    Texture.PLAIN: 0.4,
    Texture.PLANKS: 0.25,
    Texture.FABRIC: 0.15,
    Texture.STRIPES: 0.12,
    Texture.CHECKER: 0.08,
}
_SCALES = {
    Texture.PLANKS: (0.09, 0.2),
    Texture.TILES: (0.2, 0.5),
    Texture.FABRIC: (0.03, 0.12),
    Texture.STRIPES: (0.06, 0.3),
    Texture.CHECKER: (0.08, 0.25),
}
_LOUD = (Texture.CHECKER, Texture.STRIPES, Texture.BOOKS, Texture.PAINTING, Texture.WINDOW)


def _linear(hue: float, saturation: float, value: float) -> Colour:
    """Linear RGB of a colour as a painter names it."""
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return red**2.2, green**2.2, blue**2.2
