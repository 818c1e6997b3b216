"""What is known of one sample after it was read: numbers, never its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mstasks.data.dataset import Split
from mstasks.scan.statistics import Statistics

WHOLE = "sample"
"""The part that is at fault where a data set reads image and labels at once."""
IDS = "ids"
"""The part that is at fault where a split cannot be listed, or has no image to train on."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A part of a sample that training would stop at.

    Attributes:
        part: `mstasks.IMAGE`, a target's name, `WHOLE` or `IDS`.
        reason: One line.
    """

    part: str
    reason: str


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """The label that one task has for one image.

    Attributes:
        size: Height and width; None for attributes.
        valid: How many of its pixels or attributes are valid.
        total: How many it has.
        statistics: Of the valid ones.
    """

    size: tuple[int, int] | None
    valid: int
    total: int
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """One image with its labels.

    Attributes:
        split: Where the data set lists it.
        id: Its id.
        size: Height and width of the image; None if it is unreadable.
        digest: Of the decoded image; None if it is unreadable.
        labels: By task; a task without a label for this image is absent.
        faults: What could not be used.
        silently_turned: Whether the image has an EXIF orientation that its size does not show.
    """

    split: Split
    id: str
    size: tuple[int, int] | None
    digest: bytes | None
    labels: Mapping[str, LabelFacts]
    faults: tuple[Fault, ...]
    silently_turned: bool = False
