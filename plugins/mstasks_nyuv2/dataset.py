"""The data set: whatever the layout, the same splits, the same labels, cut and derived as the recipe says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mstasks import IMAGE, FileDataset, RawTarget, Source, Split, split_off
from mstasks_nyuv2.derive import ORIGINS, derived
from mstasks_nyuv2.frame import EIGEN, UNFRAMED, inside
from mstasks_nyuv2.layouts.detect import find_layout
from mstasks_nyuv2.options import NYUv2Options

_TARGETS = ("segmentation", "depth", "normals", "edges")


class NYUv2(FileDataset):
    """NYU-Depth-v2 in any of its layouts.

    The official set has two splits. Its test split, which some layouts call ``val``, is `test` here, and `val` is a
    seeded part of its train split. A label that is absent for an image is missing; one that the source has for no image
    is an error once it is asked for.

    Args:
        options: Where the set is, which classes, what is derived or cut, and how val is split off.
        size: Not needed: files are read at their own size.

    Raises:
        ValueError: If what ``options.root`` names is missing, in no known layout, or malformed.
    """

    def __init__(self, options: NYUv2Options, size: tuple[int, int]) -> None:  # noqa: ARG002
        self._options = options
        self._layout = find_layout(options.root, options.classes)
        self.thread_safe = self._layout.thread_safe
        kept, val = split_off(self._layout.train, options.val_fraction, options.val_seed)
        self._ids: Mapping[Split, Sequence[str]] = {
            "train": tuple(kept),
            "val": tuple(val),
            "test": tuple(self._layout.test),
        }
        self._sources: dict[tuple[str, str], Source] = {}
        self._known = frozenset(self._layout.train) | frozenset(self._layout.test)

    def ids(self, split: Split) -> Sequence[str]:
        """Ids of a split, in the order of the layout."""
        return self._ids[split]

    def image(self, id: str) -> NDArray[np.uint8]:
        """The photograph, whole or without its white frame."""
        self._check(id, IMAGE)
        if self._options.border == "keep":
            return self._layout.image(id, self.at_least)
        # At full size: the frame's edge falls between the pixels of a smaller one.
        image = self._layout.image(id, None)
        return np.ascontiguousarray(image[self._cut(id, IMAGE, image)])

    def target(self, id: str, name: str) -> RawTarget | None:
        """A label of the whole picture or of what is left of it; not valid outside the Eigen crop, if chosen."""
        self._check(id, name)
        origin = self._origin(name)
        whole = origin != name or self._options.eigen_crop or self._options.border == "crop"
        raw = self._layout.target(id, origin, None if whole else self.label_size)
        if raw is None:
            return None
        if origin != name:
            # Before anything is cut, so that the camera is that of the whole picture.
            raw = self._derived(id, name, raw)
        if self._options.eigen_crop:
            raw = RawTarget(raw.value, self._masked(id, name, raw.valid))
        if self._options.border == "crop":
            cut = self._cut(id, name, raw.value)
            raw = RawTarget(np.ascontiguousarray(raw.value[cut]), np.ascontiguousarray(raw.valid[cut]))
        return raw

    def source(self, id: str, part: str) -> Source:
        """The files behind a part, with those options that change it."""
        source = self._sources.get((id, part))  # asked for at each sample, and dear to put together
        if source is None:
            self._check(id, part)
            stored = self._layout.source(id, self._origin(part))
            source = self._sources[id, part] = Source(stored.files, (*stored.settings, *self._settings(part)))
        return source

    def describe(self) -> str:
        """The layout that was found, how much of it, and what the recipe derives."""
        derived_here = [f"{name} from {ORIGINS[name]}" for name in ORIGINS if self._origin(name) != name]
        text = self._layout.describe()
        return f"{text} Derived: {' and '.join(derived_here)}." if derived_here else text

    def _origin(self, part: str) -> str:
        """The stored label that a label is made of: itself, if it is not derived."""
        asked = {"normals": self._options.normals == "from-depth", "edges": self._options.edges == "from-labels"}
        return ORIGINS[part] if asked.get(part, False) else part

    def _settings(self, part: str) -> tuple[str | int | bool, ...]:
        options = self._options
        if part == IMAGE:
            return (options.border,)
        origin = self._origin(part)
        classes = (options.classes,) if origin == "segmentation" else ()
        return (origin, *classes, options.eigen_crop, options.border)

    def _check(self, id: str, part: str) -> None:
        if id not in self._known:
            raise ValueError(f"NYU-v2 at '{self._options.root}' has no image '{id}'.")
        if part not in (IMAGE, *_TARGETS):
            raise ValueError(f"NYU-v2 has no target '{part}'. It has: {', '.join(_TARGETS)}.")

    def _derived(self, id: str, name: str, origin: RawTarget) -> RawTarget:
        try:
            return derived(name, origin)
        except ValueError as error:
            raise ValueError(f"The {name} of '{id}' cannot be derived: {error}.") from error

    def _masked(self, id: str, name: str, valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
        try:
            rows, columns = inside(EIGEN, *valid.shape)
        except ValueError as error:
            raise ValueError(f"`eigen_crop` cannot be applied to '{name}' of '{id}': {error}.") from error
        masked = np.zeros_like(valid)
        masked[rows, columns] = valid[rows, columns]
        return masked

    def _cut(self, id: str, part: str, array: NDArray[np.generic]) -> tuple[slice, slice]:
        try:
            return inside(UNFRAMED, array.shape[0], array.shape[1])
        except ValueError as error:
            raise ValueError(f"`border: crop` cannot be applied to '{part}' of '{id}': {error}.") from error
