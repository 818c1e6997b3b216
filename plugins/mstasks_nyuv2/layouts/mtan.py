"""The folder of .npy files that came with MTAN (Liu, Johns, Davison, CVPR 2019): 288 x 384, 13 classes."""

from __future__ import annotations

import re
from collections.abc import Callable
from os import path as os_path
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mstasks import IMAGE, RawTarget, Source, quoted, read_array
from mstasks_nyuv2 import labels, unit_vectors
from mstasks_nyuv2.layouts.layout import converted, lacks

FOLDERS = {IMAGE: "image", "segmentation": "label", "depth": "depth", "normals": "normal"}
"""The folder of each part within that of a split; there are no edges."""

_NUMBERED = re.compile(r"(\d+)\.npy")
_CONVERT: dict[str, Callable[[NDArray[Any]], RawTarget]] = {
    "segmentation": labels.of_13,
    "depth": labels.depth,
    "normals": unit_vectors.normals,
}


class MTAN:
    """Numbered arrays in a folder a split and part; a `Layout`. Ids are `train/0`, `val/0` and so on.

    Args:
        root: The folder with train/ and val/.
        classes: Must be 13.

    Raises:
        ValueError: If 40 classes are asked for, or a split has no images.
    """

    thread_safe = True

    def __init__(self, root: Path, classes: int) -> None:
        if classes != 13:
            raise ValueError(
                f"{quoted(root)} is a folder in the layout of MTAN, whose labels have 13 classes. Set `classes: 13` "
                "under `data`."
            )
        self._root = root
        self.train, self.test = (_numbered(root, split) for split in ("train", "val"))
        self._counts: dict[str, int] = {}

    def image(self, id: str, at_least: tuple[int, int] | None) -> NDArray[np.uint8]:  # noqa: ARG002 - stored small
        """The photograph, rounded to bytes."""
        path = self._path(id, IMAGE)
        stored = read_array(path)
        if stored.ndim != 3 or stored.shape[2] != 3 or stored.dtype.kind != "f":
            raise ValueError(
                f"{quoted(path)} must hold floats of shape (H, W, 3). Found {stored.dtype} {stored.shape}."
            )
        if stored.size and not (stored.min() >= 0 and stored.max() <= 1):  # not so for NaN either
            raise ValueError(f"{quoted(path)} must hold 0 to 1. Found {stored.min():g} to {stored.max():g}.")
        image: NDArray[np.uint8] = np.rint(stored * stored.dtype.type(255)).astype(np.uint8)
        return image

    def target(self, id: str, name: str, size: tuple[int, int] | None = None) -> RawTarget | None:
        """A label; None if its file is absent."""
        if name not in FOLDERS:
            raise lacks(self._root, name)
        path = self._path(id, name)
        if not os_path.lexists(path):
            if not self._count(name):
                folder = FOLDERS[name]
                raise ValueError(f"{lacks(self._root, name)} It would be in {folder}/, called like its image.")
            return None
        stored = read_array(path)
        try:
            return converted(stored, _CONVERT[name], size)
        except ValueError as error:
            raise ValueError(f"{quoted(path)} {error}.") from error

    def source(self, id: str, part: str) -> Source:
        """The one file; none for edges."""
        return Source((self._path(id, part),) if part in FOLDERS else ())

    def describe(self) -> str:
        """How many labels of each target."""
        found = [f"{name} {self._count(name)}" for name in FOLDERS if name != IMAGE]
        return (
            f"MTAN folder, {len(self.train)} train and {len(self.test)} test images; {', '.join(found)}; the layout "
            "has no edges."
        )

    def _count(self, name: str) -> int:
        """How many images have a file of a label; the folders are listed once."""
        if name not in self._counts:
            folders = [(split, self._root / split / FOLDERS[name]) for split in ("train", "val")]
            files = {f"{split}/{file.name}" for split, path in folders if path.is_dir() for file in path.iterdir()}
            self._counts[name] = sum(f"{id}.npy" in files for id in (*self.train, *self.test))
        return self._counts[name]

    def _path(self, id: str, part: str) -> Path:
        split, number = id.split("/")
        return self._root / split / FOLDERS[part] / f"{number}.npy"


def _numbered(root: Path, split: str) -> tuple[str, ...]:
    """Ids of a split in the order of their numbers."""
    folder = root / split / FOLDERS[IMAGE]
    if not folder.is_dir():
        raise ValueError(
            f"There is no folder {quoted(folder)}. MTAN holds the images of a split there, {{number}}.npy."
        )
    found = [match for path in folder.iterdir() if (match := _NUMBERED.fullmatch(path.name))]
    if not found:
        raise ValueError(f"{quoted(folder)} holds no images, {{number}}.npy.")
    return tuple(f"{split}/{match[1]}" for match in sorted(found, key=lambda match: (int(match[1]), match[1])))
