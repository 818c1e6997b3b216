"""Data sets that are made of files: part by part, so that the core can cache, scan and name each part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mstasks.data.dataset import Split
from mstasks.data.sample import RawTarget, Sample

IMAGE = "image"
"""The part of a sample that is the image; the other parts are called like their targets."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a part of a sample is made of: if nothing of it has changed, neither has the part.

    Attributes:
        files: All files that are read for it, whether or not they exist.
        settings: Whatever else decides what is delivered: the options that matter, a position in the file.
    """

    files: tuple[Path, ...]
    settings: tuple[str | int | float | bool | None, ...] = ()


class FileDataset(ABC):
    """Base class of data sets that read files; an `mstasks.Dataset`.

    What is read is decoded once and then comes from the cache, if the user wants one, and `mstasks check --data`
    reports image and labels one by one. Must be cheap to construct and to pickle: workers get a copy each.

    Attributes:
        at_least: Set by the core: the height and width that are enough for images, to be handed to
            `mstasks.read_image`; None if they are needed at full size.
        label_size: Set by the core: the height and width that dense labels will be sampled to; None if not known. A
            data set may do that itself with `mstasks.nearest` before it converts what it read, which is faster; then
            it says at `RawTarget.stored` which size the label had. Whether a file is refused must not depend on it.
        thread_safe: Set by the data set: whether several threads may read from one instance at once. Then a process
            that has processors to spare decodes several samples at a time. A subclass that keeps what it has read for
            the next call sets it back to False.
    """

    at_least: tuple[int, int] | None = None
    label_size: tuple[int, int] | None = None
    thread_safe: bool = False

    @abstractmethod
    def ids(self, split: Split) -> Sequence[str]:
        """Ids of a split, in a fixed order. Splits are disjoint."""

    @abstractmethod
    def image(self, id: str) -> NDArray[np.uint8]:
        """Read the photograph: RGB, uint8 (H, W, 3).

        Raises:
            ValueError: If a file is missing or unreadable; the text names the file and the reason.
        """

    @abstractmethod
    def target(self, id: str, name: str) -> RawTarget | None:
        """Read one label; None if this image has none.

        Raises:
            ValueError: If a file is unreadable or holds something else; the text names the file and the reason.
        """

    @abstractmethod
    def source(self, id: str, part: str) -> Source | None:
        """What `image`, for the part `IMAGE`, or else `target` is made of; None for what costs next to nothing to read.

        Raises:
            ValueError: If there is no such id.
        """

    @abstractmethod
    def describe(self) -> str:
        """What was found on disk, in one or two sentences for the user: the layout, how much of it."""

    def load(self, id: str, targets: Collection[str]) -> Sample:
        """Read one sample, with those of the wanted targets that exist for it.

        Raises:
            ValueError: As `image` and `target`.
        """
        found = {name: self.target(id, name) for name in targets}
        return Sample(id, self.image(id), {name: target for name, target in found.items() if target is not None})
