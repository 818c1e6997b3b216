"""Furniture out of boxes, balls and cylinders, in sizes as in houses."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mstasks_scenes.geometry import Shape
from mstasks_scenes.palette import Palette
from mstasks_scenes.scene import Texture

Vector = tuple[float, float, float]


class Part(NamedTuple):
    """One solid of a piece: its shape, centre and half extents in the piece's frame, and its material."""

    shape: Shape
    centre: Vector
    half: Vector
    material: int


class Piece(NamedTuple):
    """A thing to be placed as a whole.

    Attributes:
        label: Its class.
        parts: In a frame whose origin is on the floor under the middle; y points to the front.
        half: Half extents of the footprint.
        height: Of the highest part.
        top: Height and half extents of a surface that carries small things; None if nothing fits.
    """

    label: str
    parts: tuple[Part, ...]
    half: tuple[float, float]
    height: float
    top: tuple[float, float, float] | None = None


def _box(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float], material: int) -> Part:
    """A box from its bounds."""
    lower, upper = (x[0], y[0], z[0]), (x[1], y[1], z[1])
    centre = tuple((high + low) / 2 for low, high in zip(lower, upper, strict=True))
    half = tuple((high - low) / 2 for low, high in zip(lower, upper, strict=True))
    return Part(Shape.BOX, centre, half, material)  # type: ignore[arg-type] # three of each


def _legs(x: float, y: float, height: float, thick: float, material: int) -> tuple[Part, ...]:
    """Four legs at the corners of a rectangle of half extents x and y."""
    half = thick / 2
    corners = [(sx * (x - half), sy * (y - half)) for sx in (-1, 1) for sy in (-1, 1)]
    return tuple(_box((cx - half, cx + half), (cy - half, cy + half), (0, height), material) for cx, cy in corners)


def table(palette: Palette) -> Piece:
    """A dining, desk or coffee table on four legs, or a round one on a column."""
    random = palette.random
    low = random.random() < 0.3
    height = random.uniform(0.36, 0.48) if low else random.uniform(0.7, 0.78)
    plate, frame = palette.thing(random.choice((0, 0.3))), palette.thing()
    if random.random() < 0.3:
        radius, thick = random.uniform(0.4, 0.65), 0.04
        round_parts = (
            Part(Shape.CYLINDER, (0, 0, height - thick / 2), (radius, radius, thick / 2), plate),
            Part(Shape.CYLINDER, (0, 0, (height - thick) / 2), (0.05, 0.05, (height - thick) / 2), frame),
            Part(Shape.CYLINDER, (0, 0, 0.02), (radius * 0.6, radius * 0.6, 0.02), frame),
        )
        return Piece("table", round_parts, (radius, radius), height, (height, 0.65 * radius, 0.65 * radius))
    x, y = random.uniform(0.45, 0.9), random.uniform(0.3, 0.5)
    thick = random.uniform(0.03, 0.06)
    parts = (
        _box((-x, x), (-y, y), (height - thick, height), plate),
        *_legs(x * 0.96, y * 0.94, height - thick, random.uniform(0.05, 0.1), frame),
    )
    return Piece("table", parts, (x, y), height, (height, x - 0.1, y - 0.1))


def chair(palette: Palette) -> Piece:
    """A chair with a back."""
    random = palette.random
    x, y = random.uniform(0.2, 0.25), random.uniform(0.2, 0.25)
    seat, top = random.uniform(0.42, 0.48), random.uniform(0.78, 1.0)
    cover, frame = palette.thing(), palette.thing()
    parts = (
        _box((-x, x), (-y, y), (seat - 0.05, seat), cover),
        _box((-x, x), (-y, -y + 0.04), (seat + random.choice((0, 0.12)), top), cover),
        *_legs(x, y, seat - 0.05, 0.045, frame),
    )
    return Piece("chair", parts, (x, y), top)


def cabinet(palette: Palette) -> Piece:
    """A wardrobe, a bookcase or a chest of drawers."""
    random = palette.random
    tall = random.random() < 0.5
    height = random.uniform(1.5, 2.05) if tall else random.uniform(0.65, 1.15)
    x, y = random.uniform(0.35, 0.75), random.uniform(0.17, 0.3)
    front = random.choice((Texture.DRAWERS, Texture.BOOKS, Texture.PANELS))
    body, fronts = palette.thing(), palette.front(front)
    parts = (
        _box((-x, x), (-y, y - 0.03), (0, height), body),
        _box((-x, x), (y - 0.03, y), (0.07, height), fronts),
    )
    return Piece("cabinet", parts, (x, y), height, None if tall else (height, x - 0.1, y - 0.06))


def bed(palette: Palette) -> Piece:
    """A bed with its head at the wall, for one or two."""
    random = palette.random
    x, y = random.uniform(0.45, 0.9), random.uniform(0.95, 1.05)
    frame, top = random.uniform(0.2, 0.32), random.uniform(0.42, 0.58)
    wood, sheet, blanket, pillow = palette.thing(), palette.thing(), palette.thing(), palette.thing()
    fold = random.uniform(0.1, 0.5)
    parts = [
        _box((-x, x), (-y, y), (0, frame), wood),
        _box((-x, x), (-y + 0.05, y), (frame, top), sheet),
        _box((-x - 0.015, x + 0.015), (-fold, y + 0.015), (top - 0.12, top + 0.04), blanket),
        _box((-x, x), (-y - 0.02, -y + 0.05), (frame, random.uniform(0.75, 1.15)), wood),
    ]
    count = 2 if x > 0.65 else 1
    for number in range(count):
        middle = (2 * number + 1 - count) * x / count
        wide = 0.75 * x / count
        parts.append(_box((middle - wide, middle + wide), (-y + 0.1, -y + 0.5), (top, top + 0.12), pillow))
    return Piece("bed", tuple(parts), (x + 0.02, y + 0.02), 1.15)


def sofa(palette: Palette) -> Piece:
    """A sofa or an armchair with arms and cushions."""
    random = palette.random
    x, y = random.uniform(0.45, 1.1), random.uniform(0.4, 0.48)
    seat, arm, back = random.uniform(0.38, 0.46), random.uniform(0.55, 0.66), random.uniform(0.72, 0.92)
    wide = random.uniform(0.12, 0.2)
    cover, cushion = palette.thing(), palette.thing()
    parts = [
        _box((-x, x), (-y, y), (0, seat - 0.12), cover),
        _box((-x, x), (-y, -y + 0.2), (seat - 0.12, back), cover),
        _box((-x, -x + wide), (-y + 0.2, y), (seat - 0.12, arm), cover),
        _box((x - wide, x), (-y + 0.2, y), (seat - 0.12, arm), cover),
    ]
    count = 1 if x < 0.6 else 2 if x < 0.9 else 3
    step = 2 * (x - wide) / count
    for number in range(count):
        left = -x + wide + number * step
        parts.append(_box((left + 0.01, left + step - 0.01), (-y + 0.2, y + 0.02), (seat - 0.12, seat), cushion))
    return Piece("sofa", tuple(parts), (x, y + 0.02), back)


def ball(palette: Palette, largest: float) -> Piece:
    """A ball of at most this radius."""
    radius = palette.random.uniform(0.6, 1) * largest
    material = palette.thing(palette.random.choice((0, 0.4)))
    part = Part(Shape.BALL, (0, 0, radius), (radius, radius, radius), material)
    return Piece("ball", (part,), (radius, radius), 2 * radius)


def pot(palette: Palette, largest: float) -> Piece:
    """A pot, bin or vase: an upright cylinder of at most this radius."""
    radius = palette.random.uniform(0.6, 1) * largest
    half = radius * palette.random.uniform(0.7, 1.4)
    material = palette.thing(palette.random.choice((0, 0.3)))
    part = Part(Shape.CYLINDER, (0, 0, half), (radius, radius, half), material)
    return Piece("pot", (part,), (radius, radius), 2 * half)


AT_WALLS: dict[str, Callable[[Palette], Piece]] = {"cabinet": cabinet, "bed": bed, "sofa": sofa}
"""Furniture that stands with its back to a wall."""
