"""The data set: ids of the splits, and samples read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from mstasks import RawTarget, Sample, Split, split_off
from mstasks_nyuv2 import labels
from mstasks_nyuv2.files import read_array, read_ids, read_image, read_labels
from mstasks_nyuv2.options import NYUv2Options


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a target's files are, and how they are read."""

    folder: str
    suffix: str
    read: Callable[[Path], NDArray[Any]]


_SOURCES = {
    "segmentation": _Source("segmentation", ".png", read_labels),
    "depth": _Source("depth", ".npy", read_array),
    "normals": _Source("normals", ".npy", read_array),
    "edges": _Source("edge", ".npy", read_array),
}


class NYUv2:
    """An NYUD_MT folder.

    The layout has two splits. Its ``val``, which the literature reports on, is `test` here, and `val` is a seeded
    part of its ``train``. A label file that is absent is a missing label; a folder that is absent is an error once a
    sample needs it.

    Args:
        options: Where the folder is, which classes, and how val is split off.
        size: Not needed: files are read at their own size.

    Raises:
        ValueError: If the folder, its images or its split files are missing or malformed, or an id is in both splits.
    """

    def __init__(self, options: NYUv2Options, size: tuple[int, int]) -> None:  # noqa: ARG002
        self._root = options.root
        self._classes = options.classes
        self._require(self._root, "images/, gt_sets/ and the label folders of the NYUD_MT layout; see `data.root`")
        self._require(self._root / "images", "the photographs, images/{id}.jpg")
        train, test = (read_ids(self._root / "gt_sets" / f"{name}.txt") for name in ("train", "val"))
        common = set(train) & set(test)
        if common:
            raise ValueError(f"'{self._root / 'gt_sets'}' lists '{min(common)}' in train.txt and in val.txt.")
        kept, val = split_off(train, options.val_fraction, options.val_seed)
        self._ids: Mapping[Split, Sequence[str]] = {"train": tuple(kept), "val": tuple(val), "test": test}

    def ids(self, split: Split) -> Sequence[str]:
        """Ids of a split, in the order of its file."""
        return self._ids[split]

    def load(self, id: str, targets: Collection[str]) -> Sample:
        """Read the photograph and those label files of the wanted targets that exist.

        Raises:
            ValueError: If a file is unreadable or malformed, or a wanted target's whole folder is missing.
        """
        image = read_image(self._root / "images" / f"{id}.jpg")
        found = {name: self._target(id, name) for name in _SOURCES if name in targets}
        return Sample(id, image, {name: target for name, target in found.items() if target is not None})

    def _target(self, id: str, name: str) -> RawTarget | None:
        source = _SOURCES[name]
        path = self._root / source.folder / f"{id}{source.suffix}"
        if not path.exists():
            self._require(path.parent, f"the labels of '{name}', {source.folder}/{{id}}{source.suffix}")
            return None
        stored = source.read(path)
        try:
            return self._label(name, stored)
        except ValueError as error:
            raise ValueError(f"'{path}' {error}.") from error

    def _label(self, name: str, stored: NDArray[Any]) -> RawTarget:
        if name == "segmentation":
            return labels.segmentation(stored, self._classes)
        convert = {"depth": labels.depth, "normals": labels.normals, "edges": labels.edges}
        return convert[name](stored)

    @staticmethod
    def _require(folder: Path, what: str) -> None:
        if not folder.is_dir():
            raise ValueError(f"There is no folder '{folder}'. It should hold {what}.")
