"""Where rays enter and leave convex solids: boxes turned about the vertical, balls, upright cylinders.

Vectors are columns, shape (3, n), so that each component is contiguous.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from mstasks_scenes.camera import Floats

Indices = NDArray[np.intp]
Span = tuple[Floats, Floats, NDArray[np.int8]]

# A curved surface is hit only by more than a sliver, so that rounding never turns its normal away from the ray.
_GRAZING = np.float32(1e-5)
# Stands for a direction's zero component, so that a ray along a plane needs no case of its own.
_PARALLEL = np.float32(1e-12)


class Shape(IntEnum):
    """What a solid is; solids are kept in this order."""

    BOX = 0
    BALL = 1
    CYLINDER = 2


@dataclass(frozen=True, slots=True)
class Solids:
    """K convex solids as arrays, ordered by shape.

    Attributes:
        shape: `Shape` of each, shape (K,).
        centre: World coordinates, shape (3, K).
        half: Half extents along the solid's own axes, shape (3, K): a ball has its radius thrice, a cylinder
            (radius, radius, half height).
        turn: Cosine and sine of the rotation about the vertical, shape (2, K).
    """

    shape: NDArray[np.int8]
    centre: Floats
    half: Floats
    turn: Floats

    def bounding_radius(self) -> Floats:
        """Radius of a ball about the centre that holds the solid, shape (K,)."""
        x, y, z = self.half
        flat = np.where(self.shape == Shape.BOX, np.hypot(x, y), x)
        radius: Floats = np.where(self.shape == Shape.BALL, x, np.hypot(flat, z))
        return radius

    def take(self, solid: Indices) -> Solids:
        """One solid for each index."""
        return Solids(
            self.shape.take(solid), self.centre.take(solid, 1), self.half.take(solid, 1), self.turn.take(solid, 1)
        )

    def local(self, vectors: Floats) -> Floats:
        """World vectors (3, K) along the own axes of the solid of the same column."""
        cosine, sine = self.turn
        x, y, z = vectors
        return np.stack([cosine * x + sine * y, cosine * y - sine * x, z])

    def world(self, vectors: Floats) -> Floats:
        """The inverse of `local`."""
        cosine, sine = self.turn
        x, y, z = vectors
        return np.stack([cosine * x - sine * y, sine * x + cosine * y, z])


@dataclass(frozen=True, slots=True)
class Crossings:
    """Pairs of a ray and a solid that it crosses.

    Attributes:
        ray: Index of the ray, shape (pairs,).
        solid: Index of the solid, shape (pairs,).
        enter: Ray parameter where the ray enters the solid, shape (pairs,).
        leave: Ray parameter where it leaves, more than `enter` and than 0.
        axis: Which of the solid's own axes the entered face is perpendicular to: 0, 1 or 2; 0 on a curved face.
    """

    ray: Indices
    solid: Indices
    enter: Floats
    leave: Floats
    axis: NDArray[np.int8]


def crossings(solids: Solids, origin: Floats, directions: Floats) -> Crossings:
    """All crossings of rays from one origin.

    Args:
        solids: The solids.
        origin: World coordinates, shape (3,).
        directions: World vectors of any length but zero, shape (3, n).
    """
    solid, ray = _near_misses_included(solids, origin, directions)
    pairs = solids.take(solid)
    start = solids.local(origin[:, None] - solids.centre).take(solid, 1)
    along = pairs.local(directions.take(ray, 1))
    along[along == 0] = _PARALLEL
    bounds = np.searchsorted(pairs.shape, range(len(Shape) + 1))
    spans = [
        span(start[:, low:high], along[:, low:high], pairs.half[:, low:high])
        for span, low, high in zip((_box, _ball, _cylinder), bounds[:-1], bounds[1:], strict=True)
    ]
    enter, leave, axis = (np.concatenate(columns) for columns in zip(*spans, strict=True))
    hit = np.flatnonzero((enter < leave) & (leave > 0))
    return Crossings(ray[hit], solid[hit], enter[hit], leave[hit], axis[hit])


def _near_misses_included(solids: Solids, origin: Floats, directions: Floats) -> tuple[Indices, Indices]:
    """Pairs (solid, ray), solids ascending, among which all crossings are: the ray meets the solid's bounding ball."""
    centre = solids.centre - origin[:, None]
    away = (centre * centre).sum(0) - (1.001 * solids.bounding_radius()) ** 2
    # A ray within the cone that touches the ball has at least this component towards the ball's centre.
    threshold = np.where(away > 0, np.sqrt(np.maximum(away, 0)), -np.inf).astype(np.float32)
    unit = directions / np.sqrt((directions * directions).sum(0))
    near = centre.T @ unit >= threshold[:, None]
    solid = np.repeat(np.arange(len(near)), near.sum(1))
    return solid, np.flatnonzero(near) - solid * near.shape[1]


def _box(start: Floats, along: Floats, half: Floats) -> Span:
    """Slabs: the box is left where the first of the three pairs of planes is left."""
    inverse = 1 / along
    middle, reach = -start * inverse, half * np.abs(inverse)
    near, far = middle - reach, middle + reach
    enter = near.max(0)
    axis = (near[1] == enter).astype(np.int8)
    axis[near[2] == enter] = 2
    return enter, far.min(0), axis


def _ball(start: Floats, along: Floats, half: Floats) -> Span:
    """The roots of a quadratic, its discriminant by Lagrange's identity, which does not cancel."""
    a, b = (along * along).sum(0), (along * start).sum(0)
    cross = np.cross(start, along, axis=0)
    return _roots(a, b, a * half[0] ** 2 - (cross * cross).sum(0), a * half[0] ** 2)


def _cylinder(start: Floats, along: Floats, half: Floats) -> Span:
    """The common part of an endless cylinder and the slab between two caps."""
    flat, flat_start = along[:2], start[:2]
    a, b = (flat * flat).sum(0), (flat * flat_start).sum(0)
    cross = flat_start[0] * flat[1] - flat_start[1] * flat[0]
    enter, leave, axis = _roots(a, b, a * half[0] ** 2 - cross * cross, a * half[0] ** 2)
    inverse = 1 / along[2]
    middle, reach = -start[2] * inverse, half[2] * np.abs(inverse)
    capped = middle - reach > enter
    return np.maximum(enter, middle - reach), np.minimum(leave, middle + reach), np.where(capped, np.int8(2), axis)


def _roots(a: Floats, b: Floats, discriminant: Floats, largest: Floats) -> Span:
    """Both roots of ``a t^2 + 2 b t + c``; an empty span (enter > leave) where there are none."""
    hit = discriminant > _GRAZING * largest
    root = np.sqrt(np.where(hit, discriminant, 0))
    enter = np.where(hit, (-b - root) / a, np.float32(np.inf))
    return enter, np.where(hit, (-b + root) / a, -np.float32(np.inf)), np.zeros(len(a), np.int8)
