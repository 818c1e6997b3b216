"""Stored numbers to labels, one reader a kind.

A reader's representation says everything that decides its results, and nothing else, so it is what a cache compares.
"""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from mstasks import RawTarget
from mstasks_folder.classes import Classes
from mstasks_folder.kinds import DenseOptions, DepthMap, VectorMap
from mstasks_folder.label_map import LabelMap
from mstasks_folder.scalars import Depths, Scalars
from mstasks_folder.vectors import Vectors


class Reader(Protocol):
    """What turns the stored numbers of a label file into labels."""

    @property
    def lossless(self) -> bool:
        """Whether lossy pictures would do harm."""

    def __call__(self, stored: NDArray[Any]) -> RawTarget:
        """The labels.

        Raises:
            ValueError: If the numbers are not what was declared; the text continues a sentence that names the file.
        """


def reader(options: DenseOptions) -> Reader:
    """The reader of a target."""
    if isinstance(options, LabelMap):
        return Classes(options.codes, colours=options.colours is not None)
    if isinstance(options, DepthMap):
        return Depths(options.factor, options.invalid)
    if isinstance(options, VectorMap):
        return Vectors(options.encoding, options.axes, options.invalid)
    return Scalars(options.range, options.invalid)
