"""Samples brought to `data.size` as soon as they are read, where the augmentation allows it.

A mirror does the same before and after a resize, and a change of colours nearly so (`mstasks.data.reduced`). If a
recipe's augmentation holds nothing else, the resize comes first: whatever follows works on fewer pixels, and
the cache holds fewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from threading import get_ident
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mstasks.data.contract import check_label, check_upright, image_shape
from mstasks.data.dataset import Dataset, Split
from mstasks.data.file_dataset import IMAGE, FileDataset, Source
from mstasks.data.identity import identity
from mstasks.data.reduced import resizes_first
from mstasks.data.sample import RawTarget
from mstasks.data.sampling import nearest, resized
from mstasks.targets import TargetInfo


def prepared(
    dataset: Dataset,
    infos: Mapping[str, TargetInfo],
    size: tuple[int, int],
    transforms: Sequence[Mapping[str, Mapping[str, Any]]],
) -> Dataset:
    """A data set as training reads it: resized at once if it is one of files, and the recipe's augmentation allows it.

    Args:
        dataset: As its plugin made it, with `at_least` set.
        infos: The targets that will be asked for.
        size: The recipe's `data.size`.
        transforms: The recipe's `data.augment`.
    """
    if not isinstance(dataset, FileDataset) or type(dataset).load is not FileDataset.load:
        return dataset
    return Prepared(dataset, infos, size) if resizes_first(transforms) else dataset


class Prepared(FileDataset):
    """A data set of files whose images and dense labels come at one size, resized as `Pipeline` does it.

    Args:
        dataset: The data set itself, with `at_least` set.
        infos: The targets that will be asked for.
        size: Height and width.
    """

    def __init__(self, dataset: FileDataset, infos: Mapping[str, TargetInfo], size: tuple[int, int]) -> None:
        self._dataset = copy(dataset)  # which others may read at full size
        self._dataset.label_size = (size[0], size[1])
        self._infos = dict(infos)
        self._size = (size[0], size[1])
        self._last: dict[int, tuple[tuple[Any, ...], NDArray[np.uint8], tuple[int, int]]] = {}
        self.at_least = dataset.at_least
        self.thread_safe = dataset.thread_safe

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the last images."""
        return {**self.__dict__, "_last": {}}

    def ids(self, split: Split) -> Sequence[str]:
        """Those of the data set."""
        return self._dataset.ids(split)

    def describe(self) -> str:
        """What the data set found."""
        return self._dataset.describe()

    def source(self, id: str, part: str) -> Source | None:
        """What the part is made of: its size matters, and to a dense label the image that it is compared with."""
        source = self._dataset.source(id, part)
        if source is None or (part != IMAGE and not self._infos[part].kind.dense):
            return source
        settings = (*source.settings, "resized", *self._size)
        if part == IMAGE:
            return Source(source.files, settings)
        image = self._dataset.source(id, IMAGE)
        return None if image is None else Source((*source.files, *image.files), (*settings, *image.settings))

    def image(self, id: str) -> NDArray[np.uint8]:
        """The photograph, resized.

        Raises:
            ValueError: If it cannot be read, or is not uint8 (H, W, 3).
        """
        image, _ = self._read(id)
        return image

    def target(self, id: str, name: str) -> RawTarget | None:
        """The label, resized if it is dense.

        Raises:
            ValueError: If it cannot be read, has the wrong shape, or is turned against its image.
        """
        raw, info = self._dataset.target(id, name), self._infos[name]
        if raw is None or not info.kind.dense:
            return raw
        check_label(id, name, info, raw)
        stored = raw.stored or raw.value.shape
        if stored[0] != stored[1]:
            check_upright(id, name, info, raw, self._read(id)[1])
        return RawTarget(nearest(raw.value, self._size), nearest(raw.valid, self._size))

    def _read(self, id: str) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """The resized image and its size before; each thread remembers its last, since its labels ask for that size."""
        source = self._dataset.source(id, IMAGE)
        now: tuple[Any, ...] = (id,)
        try:
            now += () if source is None else tuple(identity(file) for file in source.files)
        except (OSError, ValueError):  # reading it will say what is wrong with it
            self._last.pop(get_ident(), None)
        last = self._last.get(get_ident())
        if last is None or last[0] != now:
            image = self._dataset.image(id)
            shape = image_shape(id, image)
            last = self._last[get_ident()] = (now, np.asarray(resized(image, self._size), np.uint8), shape)
        return last[1], last[2]
