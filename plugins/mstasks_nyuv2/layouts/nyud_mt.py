"""The NYUD_MT folder, and its namesakes that store some of the labels in other kinds of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from os import path as os_path
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mstasks import IMAGE, RawTarget, Source, quoted, read_array, read_ids, read_image, read_picture
from mstasks_nyuv2 import labels, unit_vectors
from mstasks_nyuv2.layouts.layout import DERIVED_BY, converted
from mstasks_nyuv2.matlab import read_matlab

_Read = Callable[[Path], NDArray[Any]]
_Convert = Callable[..., RawTarget]

FOLDERS = {"segmentation": "segmentation", "depth": "depth", "normals": "normals", "edges": "edge"}
"""The folder of each target."""

_UNITS = {
    "segmentation": "8-bit class numbers",
    "depth": "metres; a picture of depths does not say its unit",
    "normals": "unit vectors, or pictures of (n + 1) 255 / 2",
    "edges": "0 to 1, or pictures of 0 to 255",
}


class NYUDMT:
    """Photographs, lists of ids, and one folder a target; a `Layout`.

    A file that is absent is a missing label. Where a label lies in several kinds of files, the first kind counts that
    the forms of its target list.

    Args:
        root: The folder.
        classes: 40 or 13, for the segmentation.

    Raises:
        ValueError: If images or lists are missing or malformed, or an id is in both splits.
    """

    thread_safe = True

    def __init__(self, root: Path, classes: int) -> None:
        self._root = root
        images = root / "images"
        if not images.is_dir():
            raise ValueError(f"There is no folder {quoted(images)}. NYUD_MT holds the photographs there, {{id}}.jpg.")
        self.train, self.test = (_listed(root / "gt_sets" / f"{name}.txt") for name in ("train", "val"))
        common = set(self.train) & set(self.test)
        if common:
            raise ValueError(f"{quoted(root / 'gt_sets')} lists '{min(common)}' in train.txt and in val.txt.")
        picture: tuple[_Read, _Convert] = (read_picture, unit_vectors.normals_picture)
        drawn: tuple[_Read, _Convert] = (read_picture, labels.edges_picture)
        of_40 = partial(labels.of_40, classes=classes)
        self._forms: Mapping[str, Mapping[str, tuple[_Read, _Convert]]] = {
            "segmentation": {
                ".png": (read_picture, of_40),
                ".mat": (partial(read_matlab, variable="segmentation"), of_40),
            },
            "depth": {
                ".npy": (read_array, labels.depth),
                ".mat": (partial(read_matlab, variable="depth"), labels.depth),
            },
            "normals": {".npy": (read_array, unit_vectors.normals), ".png": picture, ".jpg": picture},
            "edges": {".npy": (read_array, labels.edges), ".png": drawn, ".jpg": drawn},
        }

    def image(self, id: str, at_least: tuple[int, int] | None) -> NDArray[np.uint8]:
        """The photograph."""
        return read_image(self._root / "images" / f"{id}.jpg", at_least)

    def target(self, id: str, name: str, size: tuple[int, int] | None = None) -> RawTarget | None:
        """The label in the first of its forms that exists."""
        for path, (read, convert) in zip(self._paths(id, name), self._forms[name].values(), strict=True):
            if os_path.lexists(path):
                stored = read(path)
                try:
                    return converted(stored, convert, size)
                except ValueError as error:
                    raise ValueError(f"{quoted(path)} {error}.") from error
        self._require_some(name)
        return None

    def source(self, id: str, part: str) -> Source:
        """All forms, because one that appears takes the place of another."""
        return Source((self._root / "images" / f"{id}.jpg",) if part == IMAGE else self._paths(id, part))

    def describe(self) -> str:
        """How many labels of each target, and in which kinds of files."""
        found = [f"{name} {self._described(name)}" for name in FOLDERS]
        return f"NYUD_MT folder, {len(self.train)} train and {len(self.test)} test images; {', '.join(found)}."

    def _described(self, name: str) -> str:
        counts = self._suffixes[name]
        return " and ".join(f"{counts[suffix]} {suffix}" for suffix in self._forms[name] if counts[suffix]) or "none"

    def _paths(self, id: str, name: str) -> tuple[Path, ...]:
        return tuple(self._root / FOLDERS[name] / f"{id}{suffix}" for suffix in self._forms[name])

    @cached_property
    def _suffixes(self) -> Mapping[str, Counter[str]]:
        """How many files with which suffix each target's folder holds."""
        folders = {name: self._root / folder for name, folder in FOLDERS.items()}
        return {
            name: Counter(path.suffix for path in folder.iterdir()) if folder.is_dir() else Counter()
            for name, folder in folders.items()
        }

    def _require_some(self, name: str) -> None:
        """Tell a missing label from a folder that has none, or in files that are not read."""
        folder, forms = self._root / FOLDERS[name], " or ".join(self._forms[name])
        if any(self._suffixes[name][suffix] for suffix in self._forms[name]):
            return
        wanted = f"the labels of '{name}', {FOLDERS[name]}/{{id}} with {forms}: {_UNITS[name]}"
        if not folder.is_dir():
            raise ValueError(f"There is no folder {quoted(folder)}. It should hold {wanted}.{DERIVED_BY.get(name, '')}")
        found = ", ".join(sorted(self._suffixes[name])[:5]) or "nothing"
        raise ValueError(
            f"{quoted(folder)} holds {found}. It should hold {wanted}. Convert the files, or declare what they are "
            f"with the data set `folder`.{DERIVED_BY.get(name, '')}"
        )


def _listed(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        raise ValueError(
            f"There is no file {quoted(path)}. An NYUD_MT folder lists the ids of each split there, one a line."
        )
    return read_ids(path)
