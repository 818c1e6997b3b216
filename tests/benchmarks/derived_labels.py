"""How wrong are normals derived from depth and edges derived from classes? Against exact truth, on rendered rooms.

    OMP_NUM_THREADS=1 python tests/benchmarks/derived_labels.py [--scenes 100] [--nyud-mt FOLDER]

Rooms of the test split of `scenes` at 480 x 640, whose normals and edges are exact. Normals are derived from their depth

    clean   as rendered, float32 metres
    noise   with a Kinect's noise: Gaussian, independent in each pixel, sigma(z) = 0.0012 + 0.0019 (z - 0.4)^2 metres
            (Nguyen, Izadi and Lovell 2012, at 10 to 60 degrees), then steps as below
    steps   in a Kinect's steps alone: 1/z rounded to multiples of 0.003 1/m
    8 bit   in steps of 10/256 m, as depth of 0 to 10 m is often exported

and compared where they are valid. A real sensor's noise is neither independent nor free of holes, so these rows bound
what to expect rather than predict it. Edges are derived from the rendered classes and compared with the scenes' own
edges, which also know things of one class and creases; a pixel is found if the other map has an edge within one pixel.

`--nyud-mt` names a folder in the NYUD_MT layout with whole frames, and adds how far its normals/ and those derived from
its depth/ agree. Both may be wrong there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mstasks_nyuv2.derive_edges import edges_from_labels
from mstasks_nyuv2.derive_normals import KINECT, Intrinsics, normals_from_depth
from mstasks_scenes import labels
from mstasks_scenes.layout import make_scene
from mstasks_scenes.trace import trace

SIZE = (480, 640)
STEP, COARSE = 0.003, 10 / 256
Array = NDArray[Any]


class Room(NamedTuple):
    """What is exact in a rendered room."""

    depth: Array
    normals: Array
    classes: Array
    edges: Array
    camera: Intrinsics


class Sums:
    """Angles of the valid pixels in bins of 0.02 degrees, so that a hundred rooms need no memory."""

    def __init__(self) -> None:
        self.bins = np.zeros(9001, np.int64)
        self.total, self.pixels, self.seconds = 0.0, 0, 0.0

    def add(self, one: Array, other: Array, valid: Array, seconds: float = 0) -> None:
        """Two maps of unit vectors, compared where `valid`."""
        angles = np.degrees(2 * np.arcsin(np.minimum(np.linalg.norm(one - other, axis=-1)[valid] / 2, 1)))
        self.bins += np.bincount((angles / 0.02).astype(int), minlength=len(self.bins))
        self.total, self.pixels, self.seconds = (
            self.total + angles.sum(),
            self.pixels + valid.size,
            self.seconds + seconds,
        )

    def row(self) -> str:
        """Mean, median, shares within 11.25 and 30 degrees, share of pixels that are valid, seconds for a million."""
        count, up_to = self.bins.sum(), np.cumsum(self.bins)
        median = 0.02 * (np.searchsorted(up_to, count / 2) + 0.5)
        within = [up_to[int(limit / 0.02) - 1] / count for limit in (11.25, 30)]
        shares = f"{within[0]:8.1%} {within[1]:8.1%} {count / self.pixels:8.1%}"
        return f"{self.total / count:8.2f} {median:8.2f} {shares} {1e6 * self.seconds / self.pixels:8.2f}"


def rooms(count: int) -> Iterator[Room]:
    """The first rooms of the test split."""
    for index in range(count):
        scene = make_scene(f"0/test/{index:06d}")
        visible = trace(scene, SIZE)
        focal = scene.camera.pixels(SIZE)
        camera = Intrinsics(focal, focal, SIZE[1] / 2 - 0.5, SIZE[0] / 2 - 0.5)
        classes = labels.segmentation(scene, visible)
        yield Room(labels.depth(visible), labels.normals(scene, visible), classes, labels.edges(scene, visible), camera)


def noisy(depth: Array, random: np.random.Generator) -> Array:
    """A Kinect's noise and steps."""
    return stepped(depth + random.normal(size=depth.shape) * (0.0012 + 0.0019 * (depth - 0.4) ** 2), random)


def stepped(depth: Array, _: np.random.Generator) -> Array:
    """A Kinect's steps; what is beyond the last of them is not measured."""
    steps = np.rint(1 / (STEP * depth))
    return np.where(steps > 0, 1 / (STEP * np.maximum(steps, 1)), 0).astype(np.float32)


def coarse(depth: Array, _: np.random.Generator) -> Array:
    """Depth of 0 to 10 m in eight bits."""
    return (np.rint(depth / COARSE) * COARSE).astype(np.float32)


SENSORS: dict[str, Callable[[Array, np.random.Generator], Array]] = {
    "clean": lambda depth, _: depth,
    "noise": noisy,
    "steps": stepped,
    "8 bit": coarse,
}


def near(edges: Array) -> Array:
    """Pixels within one pixel of an edge, corners included."""
    return cv2.dilate(edges.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def between_classes(room: Room) -> Array:
    """Exact edges that lie within one pixel of another class: those that a class map can know."""
    differ = np.zeros(SIZE, np.bool_)
    for here, before in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        other = room.classes[here] != room.classes[before]
        differ[here] |= other
        differ[before] |= other
    return room.edges & differ


def on_rooms(count: int) -> None:
    """Both tables."""
    random = np.random.default_rng(0)
    sums = {name: Sums() for name in SENSORS}
    found = np.zeros(3, np.int64)
    of = np.zeros(3, np.int64)
    for room in rooms(count):
        for name, sensor in SENSORS.items():
            depth = sensor(room.depth, random)
            start = time.perf_counter()
            normals, valid = normals_from_depth(depth, depth > 0, room.camera)
            sums[name].add(normals, room.normals, valid, time.perf_counter() - start)
        derived = edges_from_labels(room.classes, np.ones(SIZE, np.bool_))[0] > 0
        visible = between_classes(room)
        pairs = ((derived, room.edges), (room.edges, derived), (visible, derived))
        found += [int((one & near(other)).sum()) for one, other in pairs]
        of += [int(one.sum()) for one, _ in pairs]
    print(f"normals, {count} rooms\n{'':8s}    mean   median   <11.25      <30    valid   s/Mpx")
    for name, total in sums.items():
        print(f"{name:8s}{total.row()}")
    precision, recall, of_classes = found / of
    print(f"edges: precision {precision:.1%}, recall {recall:.1%}, recall of edges between classes {of_classes:.1%}")


def on_frames(folder: Path) -> None:
    """Agreement with normals that were made elsewhere."""
    sums = Sums()
    for path in sorted((folder / "depth").glob("*.npy")):
        depth = np.load(path, allow_pickle=False).astype(np.float32)
        other = np.load(folder / "normals" / path.name, allow_pickle=False)
        start = time.perf_counter()
        normals, valid = normals_from_depth(depth, depth > 0, KINECT.at(*depth.shape))
        seconds = time.perf_counter() - start
        length = np.linalg.norm(other, axis=-1, keepdims=True)
        sums.add(normals, other / np.maximum(length, 1e-6), valid & (length[..., 0] > 0.1), seconds)
    if not sums.pixels:
        raise SystemExit(f"There is no depth/*.npy in '{folder}'.")
    print(f"agreement with the normals of {folder.name}\n{'frames':8s}{sums.row()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=100, help="how many rooms")
    parser.add_argument("--nyud-mt", type=Path, help="a folder of the NYUD_MT layout to compare with")
    arguments = parser.parse_args()
    on_rooms(arguments.scenes)
    if arguments.nyud_mt:
        on_frames(arguments.nyud_mt)
