"""A random room: its size, what stands and hangs in it, the lamps and the camera."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import NamedTuple

import numpy as np

from mstasks_scenes import furniture
from mstasks_scenes.camera import Camera, look
from mstasks_scenes.floorplan import Floorplan, Spot
from mstasks_scenes.furniture import Part, Piece
from mstasks_scenes.geometry import Shape, Solids
from mstasks_scenes.palette import Palette
from mstasks_scenes.scene import Film, Lights, Scene, Texture
from mstasks_scenes.targets import CLASSES

_INSTANCES_OF_ROOM = (0, 1, 2, 3, 4, 5)


class _Placed(NamedTuple):
    """A piece at a spot, lifted to a height."""

    piece: Piece
    spot: Spot
    z: float = 0.0


def make_scene(key: str) -> Scene:
    """The scene of a key: the same key gives the same scene, other keys give others."""
    random = Random(key)
    width, depth, height = random.uniform(3, 6.5), random.uniform(3.5, 7), random.uniform(2.4, 3)
    looking_down, checker, warm, busy = (random.random() < 0.5 for _ in range(4))
    camera = _camera(random, width, depth, looking_down)
    palette = Palette(random)
    plan = Floorplan(random, (width, depth, height), camera)
    daylight = random.choice((0.0, random.uniform(0.3, 2)))
    surfaces = [palette.wall()] * 4 + [palette.floor(checker), palette.ceiling()]
    surfaces[random.randrange(4)] = palette.wall()
    placed = _furnish(plan, palette, busy) + _hang(plan, palette, daylight)
    solids, labels, instances, materials = _solids(placed)
    room = ["wall"] * 4 + ["floor", "ceiling"]
    return Scene(
        low=np.array([-width / 2, 0, 0], np.float32),
        high=np.array([width / 2, depth, height], np.float32),
        solids=solids,
        label=np.array([CLASSES.index(name) for name in room + labels], np.uint8),
        instance=np.array([*_INSTANCES_OF_ROOM, *instances], np.int16),
        material=np.array(surfaces + materials, np.int16),
        materials=palette.pack(),
        lights=_lights(random, width, depth, height, warm),
        camera=camera,
        film=Film(
            random.uniform(0.16, 0.3), random.uniform(0.05, 0.16), random.uniform(0.004, 0.02), random.getrandbits(32)
        ),
        facts={"checker_floor": checker, "warm_light": warm, "looking_down": looking_down},
    )


def _camera(random: Random, width: float, depth: float, looking_down: bool) -> Camera:
    """Near the front wall, at the height of a sitting or standing person, towards the room's far half."""
    x, y = random.uniform(-0.3, 0.3) * width, random.uniform(0.3, 0.3 * depth)
    target_x, target_y = random.uniform(-0.45, 0.45) * width, random.uniform(0.6, 0.9) * depth
    pitch = random.uniform(17, 32) if looking_down else random.uniform(-5, 9)
    return look(
        (x, y, random.uniform(1.0, 1.75)),
        yaw=math.atan2(target_x - x, target_y - y),
        pitch=math.radians(pitch),
        roll=math.radians(random.uniform(-2.5, 2.5)),
        field=math.radians(random.uniform(56, 78)),
        # Half of all worlds are seen in a mirror, so that flipping images changes no statistics.
        mirrored=random.random() < 0.5,
    )


def _lights(random: Random, width: float, depth: float, height: float, warm: bool) -> Lights:
    """One to three lamps, one of them the strongest, all of one colour temperature."""
    count = random.randint(1, 3)
    tint = (1.0, random.uniform(0.7, 0.78), random.uniform(0.36, 0.5))
    if not warm:
        tint = (random.uniform(0.82, 0.95), random.uniform(0.93, 1), 1.0)
    positions = [
        (random.uniform(-0.35, 0.35) * width, random.uniform(0.1, 0.85) * depth, height - random.uniform(0.08, 0.25))
        for _ in range(count)
    ]
    powers = [1.0] + [random.uniform(0.2, 0.7) for _ in range(count - 1)]
    colour = np.array(tint, np.float32)
    ambient = random.uniform(0.04, 0.13)
    return Lights(
        np.array(positions, np.float32),
        np.array(powers, np.float32)[:, None] * colour,
        np.float32(ambient) * (colour + 0.3 * colour[::-1]) / np.float32(1.3),
    )


def _furnish(plan: Floorplan, palette: Palette, busy: bool) -> list[_Placed]:
    """Furniture at the walls, tables with chairs, then balls and pots on top of things and on the floor."""
    random = plan.random
    placed: list[_Placed] = []
    names = random.choices(list(furniture.AT_WALLS), weights=(4, 3, 3), k=random.randint(1, 2) + busy)
    for name in names:
        piece = furniture.AT_WALLS[name](palette)
        spot = plan.at_wall(piece.half, piece.height)
        if spot:
            placed.append(_Placed(piece, spot))
    if random.random() < 0.7:
        placed += _dining(plan, palette, random.randint(1, 3) if busy else random.randint(0, 1))
    elif random.random() < 0.6:
        placed += _standing(plan, furniture.chair(palette))
    balls = random.randint(1, 3) if random.random() < 0.68 else 0
    pots = random.randint(1, 3) if busy else random.randint(0, 1)
    for make in [furniture.ball] * balls + [furniture.pot] * pots:
        placed += _small(plan, palette, placed, make)
    return placed


def _standing(plan: Floorplan, piece: Piece) -> list[_Placed]:
    """A piece somewhere on the floor, if there is room."""
    spot = plan.somewhere(piece.half, piece.height)
    return [_Placed(piece, spot)] if spot else []


def _dining(plan: Floorplan, palette: Palette, chairs: int) -> list[_Placed]:
    """A table, and chairs that face it."""
    placed = _standing(plan, furniture.table(palette))
    if not placed:
        return []
    table = placed[0]
    for _ in range(chairs):
        seat = furniture.chair(palette)
        spot = plan.beside(table.spot, table.piece.half, seat.half)
        if spot:
            placed.append(_Placed(seat, spot))
    return placed


def _small(
    plan: Floorplan, palette: Palette, placed: list[_Placed], make: Callable[[Palette, float], Piece]
) -> list[_Placed]:
    """A ball or a pot: on top of something that has room, else larger on the floor."""
    random = plan.random
    carriers = [one for one in placed if one.piece.top]
    if not carriers or random.random() < 0.5:
        return _standing(plan, make(palette, random.uniform(0.18, 0.36)))
    carrier = random.choice(carriers)
    z, half_x, half_y = carrier.piece.top or (0.0, 0.0, 0.0)
    piece = make(palette, min(random.uniform(0.1, 0.18), 0.9 * half_y))
    room_x, room_y = half_x - piece.half[0], half_y - piece.half[1]
    x, y = carrier.spot.at(random.uniform(-room_x, room_x), random.uniform(-room_y, room_y))
    for other in placed:
        if math.hypot(other.spot.x - x, other.spot.y - y) < other.piece.half[0] + piece.half[0] and other.z == z:
            return []
    return [_Placed(piece, Spot(x, y, 1, 0), z)]


def _hang(plan: Floorplan, palette: Palette, daylight: float) -> list[_Placed]:
    """A door, windows and pictures on what is left of the walls."""
    random = plan.random
    placed: list[_Placed] = []
    if random.random() < 0.65:
        door = (random.uniform(0.38, 0.5), random.uniform(0.98, 1.05))
        placed += _flat(plan, "door", door, (door[1], door[1]), palette.front(Texture.PANELS))
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        window = (random.uniform(0.4, 0.9), random.uniform(0.4, 0.65))
        placed += _flat(plan, "window", window, (1.4, 1.6), palette.window(daylight))
    for _ in range(random.choice((0, 0, 1, 2, 3))):
        picture = (random.uniform(0.25, 0.6), random.uniform(0.25, 0.5))
        placed += _flat(plan, "picture", picture, (1.35, 1.75), palette.painting())
    return placed


def _flat(
    plan: Floorplan, label: str, half: tuple[float, float], heights: tuple[float, float], material: int
) -> list[_Placed]:
    """A thin box on a wall."""
    found = plan.on_wall(half, *heights)
    if found is None:
        return []
    spot, z = found
    part = Part(Shape.BOX, (0, 0.02, 0), (half[0], 0.02, half[1]), material)
    return [_Placed(Piece(label, (part,), half, half[1]), spot, z)]


def _solids(placed: list[_Placed]) -> tuple[Solids, list[str], list[int], list[int]]:
    """All parts in the world, ordered by shape, with label, instance and material of each."""
    rows = [
        (part.shape, (*one.spot.at(*part.centre[:2]), one.z + part.centre[2]), part.half, one, instance, part.material)
        for instance, one in enumerate(placed, start=len(_INSTANCES_OF_ROOM))
        for part in one.piece.parts
    ]
    rows.sort(key=lambda row: row[0])
    solids = Solids(
        np.array([row[0] for row in rows], np.int8),
        np.array([row[1] for row in rows], np.float32).reshape(-1, 3).T.copy(),
        np.array([row[2] for row in rows], np.float32).reshape(-1, 3).T.copy(),
        np.array([row[3].spot[2:] for row in rows], np.float32).reshape(-1, 2).T.copy(),
    )
    return solids, [row[3].piece.label for row in rows], [row[4] for row in rows], [row[5] for row in rows]
