"""The official file `nyu_depth_v2_labeled.mat` with `splits.mat` beside it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mstasks import IMAGE, RawTarget, Source, quoted
from mstasks_nyuv2 import labels
from mstasks_nyuv2.classes_894 import CLASS_40_OF_894
from mstasks_nyuv2.labeled_mat import LabeledMat
from mstasks_nyuv2.layouts.layout import converted, lacks
from mstasks_nyuv2.matlab import read_matlab

LABELED = "nyu_depth_v2_labeled.mat"
_ARRAYS = {"segmentation": "labels", "depth": "depths"}


class OfficialMat:
    """Frames of the official file; a `Layout`. Ids are the frames' numbers from 1, with four digits.

    The depth is `depths`, whose holes its authors filled; `rawDepths` is not read. If `classMapping40.mat` lies beside,
    it must say what the built-in map says.

    Args:
        file: The file.
        classes: 40 or 13; the 894 classes of the file are merged.

    Raises:
        ValueError: If the file, its splits or its class map are missing or malformed.
    """

    thread_safe = False  # HDF5 reads with one lock for all threads

    def __init__(self, file: Path, classes: int) -> None:
        self._of_894 = partial(labels.of_894, classes=classes)
        self._frames = LabeledMat.of(file)
        self._classes = classes
        splits = file.parent / "splits.mat"
        if not splits.exists():
            raise ValueError(
                f"There is no file {quoted(splits)}, which says what is train and what is test. It comes from the page "
                f"of NYU-Depth-v2, like {LABELED}; put it beside it."
            )
        self.train, self.test = (_ids(splits, name, self._frames.count) for name in ("trainNdxs", "testNdxs"))
        common = set(self.train) & set(self.test)
        if common:
            raise ValueError(f"{quoted(splits)} has frame {min(common)} in trainNdxs and in testNdxs.")
        _check_map(file.parent / "classMapping40.mat")

    def image(self, id: str, at_least: tuple[int, int] | None) -> NDArray[np.uint8]:  # noqa: ARG002 - not a JPEG
        """The photograph, with its white frame."""
        return self._frames.image(int(id) - 1)

    def target(self, id: str, name: str, size: tuple[int, int] | None = None) -> RawTarget | None:
        """Classes or depth; nothing else is in the file."""
        if name not in _ARRAYS:
            raise lacks(self._frames.path, name)
        stored = self._frames.plane(_ARRAYS[name], int(id) - 1)
        try:
            return converted(stored, labels.depth if name == "depth" else self._of_894, size)
        except ValueError as error:
            raise ValueError(f"Frame {id} of '{_ARRAYS[name]}' in {quoted(self._frames.path)} {error}.") from error

    def source(self, id: str, part: str) -> Source:
        """The one file, and the frame's number in it."""
        held = part == IMAGE or part in _ARRAYS
        return Source((self._frames.path,), (int(id),)) if held else Source(())

    def describe(self) -> str:
        """How many frames."""
        return (
            f"Official file {self._frames.path.name}, {self._frames.count} frames, of which splits.mat takes "
            f"{len(self.train)} to train and {len(self.test)} to test; segmentation ({len(CLASS_40_OF_894)} classes "
            f"merged to {self._classes}) and depth of each; it has no normals and no edges."
        )


def _ids(path: Path, variable: str, count: int) -> tuple[str, ...]:
    """The frames of a split by number, in the order of the file."""
    stored = read_matlab(path, variable)
    numbers = stored.ravel()
    if not numbers.size or 1 not in stored.shape:
        raise ValueError(f"'{variable}' in {quoted(path)} must be a list of frames. Found the shape {stored.shape}.")
    wrong = numbers[~((numbers >= 1) & (numbers <= count) & (numbers == np.rint(numbers)))]
    if wrong.size:
        raise ValueError(
            f"'{variable}' in {quoted(path)} must hold numbers of frames, 1 to {count}. Found {float(wrong[0]):g}; is "
            f"it the one that belongs to this {LABELED}?"
        )
    ids = tuple(f"{int(number):04d}" for number in numbers)
    if len(set(ids)) < len(ids):
        raise ValueError(f"'{variable}' in {quoted(path)} names a frame twice.")
    return ids


def _check_map(path: Path) -> None:
    """Refuse a class map that is not the built-in one: it would give labels that nobody else has."""
    if not path.exists():
        return
    stored = read_matlab(path, "mapClass").ravel()
    if stored.shape != (len(CLASS_40_OF_894),):
        raise ValueError(f"'mapClass' in {quoted(path)} must map 894 classes. Found {stored.size}.")
    different = np.flatnonzero(stored != np.array(CLASS_40_OF_894))
    if different.size:
        first = int(different[0])
        raise ValueError(
            f"'mapClass' in {quoted(path)} maps class {first + 1} of 894 to {float(stored[first]):g}, where the "
            f"published map has {CLASS_40_OF_894[first]}. Move the file away to use the latter, which is built in."
        )
