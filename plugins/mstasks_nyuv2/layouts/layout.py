"""What every layout says of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mstasks import RawTarget, Source, nearest, quoted

DERIVED_BY = {
    "normals": " Set `normals: from-depth` under `data` to derive them from the depth.",
    "edges": " Set `edges: from-labels` under `data` to derive them from the classes.",
}
"""The option that makes up for what a source lacks, as a sentence."""


class Layout(Protocol):
    """NYU-v2 as it lies on disk: what is stored, as it is stored, the whole of every picture.

    Attributes:
        train: Ids of the official train split, in a fixed order.
        test: Ids of the official test split.
        thread_safe: Whether several threads may read from it at once.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    thread_safe: bool

    def image(self, id: str, at_least: tuple[int, int] | None) -> NDArray[np.uint8]:
        """The photograph, uint8 (H, W, 3); as small as ``at_least`` if that is faster."""
        ...

    def target(self, id: str, name: str, size: tuple[int, int] | None = None) -> RawTarget | None:
        """A stored label, None if this image has none; sampled to a height and width if they are given.

        Raises:
            ValueError: If its file cannot be read, or no image has such a label: then the text says what derives it.
        """
        ...

    def source(self, id: str, part: str) -> Source:
        """The files of the image or of a stored label, and where in them it is."""
        ...

    def describe(self) -> str:
        """The layout's name, and how much of what was found."""
        ...


def converted(stored: NDArray[Any], convert: Callable[..., RawTarget], size: tuple[int, int] | None) -> RawTarget:
    """What a file holds as a label; sampled to a height and width while it is converted, if they are given.

    Args:
        stored: The array of the file.
        convert: Of `labels` or `unit_vectors`; looks at all of the array, and converts the pixels of the sample.
        size: Height and width; None for all pixels.
    """
    if size is None:
        return convert(stored)
    raw = convert(stored, sample=partial(nearest, size=size))
    return replace(raw, stored=(stored.shape[0], stored.shape[1]))


def lacks(place: Path, name: str) -> ValueError:
    """The error of a source that has no such label for any image."""
    return ValueError(f"{quoted(place)} holds no {name}.{DERIVED_BY.get(name, '')}")
