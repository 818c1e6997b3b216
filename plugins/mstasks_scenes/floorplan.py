"""Where things may stand: inside the room, in view, off each other and off the camera."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from mstasks_scenes.camera import Camera

Rectangle = tuple[float, float, float, float]

_CLEARANCE = 0.55
_GAP = 0.06
_TRIES = 12


class Spot(NamedTuple):
    """A place on the floor, and the cosine and sine of the turn of what stands there."""

    x: float
    y: float
    cosine: float
    sine: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The place on the plan of a point in the turned frame."""
        return self.x + self.cosine * x - self.sine * y, self.y + self.sine * x + self.cosine * y


class Footprint(NamedTuple):
    """A turned rectangle on the floor."""

    spot: Spot
    half: tuple[float, float]

    def reach(self, cosine: float, sine: float) -> float:
        """Half of its extent in a direction."""
        along = abs(self.spot.cosine * cosine + self.spot.sine * sine)
        across = abs(self.spot.cosine * sine - self.spot.sine * cosine)
        return along * self.half[0] + across * self.half[1]

    def parted(self, other: Footprint) -> bool:
        """Whether one of its own axes separates it from another."""
        x, y = other.spot.x - self.spot.x, other.spot.y - self.spot.y
        cosine, sine = self.spot.cosine, self.spot.sine
        if abs(x * cosine + y * sine) >= self.half[0] + other.reach(cosine, sine):
            return True
        return abs(y * cosine - x * sine) >= self.half[1] + other.reach(-sine, cosine)


class Wall(NamedTuple):
    """A wall on the plan.

    Attributes:
        x: Middle of the wall.
        y: Likewise.
        cosine: The wall runs in direction (cosine, sine), the local x axis of what stands with its back to it.
        sine: Likewise; the room lies in direction (-sine, cosine).
        length: In metres.
    """

    x: float
    y: float
    cosine: float
    sine: float
    length: float

    def spot(self, along: float, off: float) -> Spot:
        """The place `along` metres from the middle and `off` metres into the room."""
        middle = Spot(self.x, self.y, self.cosine, self.sine)
        return Spot(*middle.at(along, off), self.cosine, self.sine)


class Floorplan:
    """Keeps account of what is taken.

    Args:
        random: Where every draw comes from.
        room: Width (x, centred on 0), depth (y, from 0) and height in metres.
        camera: Things are sought in its view and never placed close to it.
    """

    def __init__(self, random: Random, room: tuple[float, float, float], camera: Camera) -> None:
        self.random = random
        self.width, self.depth, self.height = room
        self._eye: list[float] = camera.position.tolist()
        self._axes: list[list[float]] = camera.axes.tolist()
        self._reach = 0.5 / camera.focal
        self._taken: list[Footprint] = []
        self._hung: dict[Wall, list[Rectangle]] = {}
        self.walls = (
            Wall(0, self.depth, -1, 0, self.width),
            Wall(-self.width / 2, self.depth / 2, 0, -1, self.depth),
            Wall(self.width / 2, self.depth / 2, 0, 1, self.depth),
        )

    def sees(self, x: float, y: float, z: float) -> bool:
        """Whether a point is in the picture, taken as square."""
        d = (x - self._eye[0], y - self._eye[1], z - self._eye[2])
        right, down, forward = (row[0] * d[0] + row[1] * d[1] + row[2] * d[2] for row in self._axes)
        reach = self._reach * forward
        return forward > 0 and abs(right) < reach and abs(down) < reach

    def at_wall(self, half: tuple[float, float], height: float) -> Spot | None:
        """A free place with the back to a wall; the part of the wall behind it is taken, too."""
        for _ in range(_TRIES):
            wall = self.random.choice(self.walls)
            room = wall.length / 2 - half[0]
            along = self.random.uniform(-room, room)
            spot = wall.spot(along, half[1] + 0.01)
            if room > 0 and self.sees(spot.x, spot.y, height / 2) and self._take(spot, half):
                self._hung.setdefault(wall, []).append((along - half[0], along + half[0], 0, height))
                return spot
        return None

    def on_wall(self, half: tuple[float, float], low: float, high: float) -> tuple[Spot, float] | None:
        """A free rectangle of a wall whose centre lies between two heights: the place on the plan, and the height."""
        for _ in range(_TRIES):
            wall = self.random.choice(self.walls)
            room = wall.length / 2 - half[0] - 0.05
            along, z = self.random.uniform(-room, room), self.random.uniform(low, high)
            spot = wall.spot(along, 0)
            bounds = (along - half[0] - _GAP, along + half[0] + _GAP, z - half[1] - _GAP, z + half[1] + _GAP)
            taken = self._hung.setdefault(wall, [])
            if room > 0 and self.sees(spot.x, spot.y, z) and not any(_overlap(bounds, other) for other in taken):
                taken.append(bounds)
                return spot, z
        return None

    def somewhere(self, half: tuple[float, float], height: float) -> Spot | None:
        """A free place in view, turned at random."""
        for spot in self._guesses():
            if self.sees(spot.x, spot.y, height / 2) and self._take(spot, half):
                return spot
        return None

    def beside(self, spot: Spot, half: tuple[float, float], own: tuple[float, float]) -> Spot | None:
        """A free place at a side of something, with the face to it."""
        for _ in range(_TRIES):
            turn = math.atan2(spot.sine, spot.cosine) + self.random.choice((0, 0.5, 1, 1.5)) * math.pi
            swapped = abs(math.sin(turn) * spot.cosine - math.cos(turn) * spot.sine) > 0.5
            off = half[0 if swapped else 1] + self.random.uniform(0.02, 0.25) + own[1]
            found = Spot(spot.x + math.sin(turn) * off, spot.y - math.cos(turn) * off, math.cos(turn), math.sin(turn))
            if self._take(found, own):
                return found
        return None

    def _guesses(self) -> Iterator[Spot]:
        """Places on the floor within the horizontal field of view, most of them inside the room."""
        right, _, forward = self._axes
        norm = math.hypot(forward[0], forward[1])
        for _ in range(_TRIES):
            ahead = self.random.uniform(0.9, self.depth)
            aside = self.random.uniform(-0.9, 0.9) * self._reach * ahead
            turn = self.random.uniform(0, 2 * math.pi)
            x = self._eye[0] + ahead * forward[0] / norm + aside * right[0]
            yield Spot(x, self._eye[1] + ahead * forward[1] / norm + aside * right[1], math.cos(turn), math.sin(turn))

    def _take(self, spot: Spot, half: tuple[float, float]) -> bool:
        """Occupy a footprint if it is free."""
        wanted = Footprint(spot, half)
        x, y = wanted.reach(1, 0), wanted.reach(0, 1)
        inside = abs(spot.x) + x < self.width / 2 and y < spot.y < self.depth - y
        near = abs(spot.x - self._eye[0]) < x + _CLEARANCE and abs(spot.y - self._eye[1]) < y + _CLEARANCE
        free = inside and not near and all(wanted.parted(other) or other.parted(wanted) for other in self._taken)
        if free:
            self._taken.append(wanted)
        return free


def _overlap(one: Rectangle, two: Rectangle) -> bool:
    """Whether two upright rectangles (low, high, low, high) have a common inner point."""
    return one[0] < two[1] and two[0] < one[1] and one[2] < two[3] and two[2] < one[3]
