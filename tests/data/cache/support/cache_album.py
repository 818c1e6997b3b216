"""A small data set of files: photographs, classes of several part masks, depth, and tags without a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mstasks import (
    IMAGE,
    FileDataset,
    RawTarget,
    Source,
    Split,
    TargetInfo,
    TargetKind,
    nearest,
    read_array,
    read_image,
    read_picture,
)

PARTS = ("sky", "road", "tree")
TARGETS = ("classes", "depth", "tags")
INFOS = {
    "classes": TargetInfo(TargetKind.LABEL_MAP, ("none", *PARTS)),
    "depth": TargetInfo(TargetKind.DEPTH_MAP),
    "tags": TargetInfo(TargetKind.ATTRIBUTES, ("a", "b")),
}
ALL = (IMAGE, *TARGETS)


class Album(FileDataset):
    """Part masks are merged into one map; `scale` multiplies depths. The last photograph has no label file."""

    def __init__(self, root: Path, scale: float = 1.0) -> None:
        self.root = root
        self.scale = scale

    def ids(self, split: Split) -> Sequence[str]:
        found = sorted(path.stem for path in self.root.glob("*.jpg"))
        return {"train": found[:-2], "val": found[-2:-1], "test": found[-1:]}[split]

    def every(self) -> list[str]:
        return sorted(path.stem for path in self.root.glob("*.jpg"))

    def image(self, id: str) -> NDArray[np.uint8]:
        return read_image(self.root / f"{id}.jpg", self.at_least)

    def target(self, id: str, name: str) -> RawTarget | None:
        if name == "tags":
            return RawTarget(np.array([1, 0], np.float32), np.array([True, int(id[-1]) % 2 == 0]))
        files = [file for file in self._files(id, name) if file.exists()]
        if not files:
            return None
        if name == "depth":
            metres = read_array(files[0]) * np.float32(self.scale)
            if self.label_size is not None:
                small = nearest(metres, self.label_size)
                return RawTarget(small, small > 0, (metres.shape[0], metres.shape[1]))
            return RawTarget(metres, metres > 0)
        merged = np.zeros((48, 56), np.uint8)
        for file in files:
            merged[read_picture(file) > 127] = 1 + PARTS.index(file.stem.partition("_")[2])
        return RawTarget(merged, np.ones((48, 56), bool)) if (merged > 0).any() else None

    def source(self, id: str, part: str) -> Source | None:
        if part == "tags":
            return None
        return Source(self._files(id, part), (self.scale,) if part == "depth" else ())

    def describe(self) -> str:
        return f"An album of {len(self.every())} photographs."

    def _files(self, id: str, part: str) -> tuple[Path, ...]:
        if part == IMAGE:
            return (self.root / f"{id}.jpg",)
        return (
            (self.root / f"{id}.npy",) if part == "depth" else tuple(self.root / f"{id}_{name}.png" for name in PARTS)
        )


def make_album(root: Path, count: int = 6, size: tuple[int, int] = (48, 56)) -> Album:
    """Write the files, an hour old."""
    root.mkdir()
    generator = np.random.default_rng(0)
    height, width = size
    for number in range(count):
        Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(root / f"p{number}.jpg")
        if number == count - 1:
            continue
        np.save(root / f"p{number}.npy", generator.random(size, np.float32) * (generator.random(size) > 0.2))
        for index, name in enumerate(PARTS[: 1 + number % 3]):
            mask = np.zeros((48, 56), np.uint8)
            mask[8 * index + number : 20 + 8 * index, 4:40] = 255
            Image.fromarray(mask).save(root / f"p{number}_{name}.png")
    hour_ago = root.stat().st_mtime - 3600
    for file in root.iterdir():
        os.utime(file, (hour_ago, hour_ago))
    return Album(root)
