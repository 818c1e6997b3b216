"""Where things lie in the sensor's frame of 480 x 640 pixels, and in pictures that show all or a known part of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """Rows ``top`` to ``bottom - 1`` and columns ``left`` to ``right - 1`` of the 480 x 640 frame."""

    top: int
    bottom: int
    left: int
    right: int


WHOLE = Box(0, 480, 0, 640)

INNER = Box(45, 470, 40, 600)
"""What pictures of 425 x 560 show: in MATLAB ``I(46:470, 41:600, :)`` (data of Gupta, Arbelaez, Malik, CVPR 2013)."""

EIGEN = Box(45, 471, 41, 601)
"""Where depth is scored since Eigen, Puhrsch, Fergus, NIPS 2014: in Python, as usual, ``[45:471, 41:601]``."""

UNFRAMED = Box(7, 474, 7, 632)
"""What the white frame of the official images encloses.

In 300 images at half size the columns and rows beyond are white, the ones at the edge are mixed, and those within are
not touched; the same numbers are usual where the frame is painted black before training on depth.
"""


def shown(height: int, width: int) -> Box:
    """What part of the frame a picture shows, told by its size.

    Raises:
        ValueError: If it is neither 3 : 4, which is the whole frame at some scale, nor 425 x 560.
    """
    if height * 4 == width * 3:
        return WHOLE
    if (height, width) == (INNER.bottom - INNER.top, INNER.right - INNER.left):
        return INNER
    raise ValueError(
        f"{height} x {width} pixels are neither the whole frame of 480 x 640 at some scale nor its inner 425 x 560, "
        "so where they lie in the frame is not known"
    )


def inside(box: Box, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of a picture that lie wholly in a box of the frame.

    Raises:
        ValueError: As `shown`.
    """
    part = shown(height, width)
    rows = _within(box.top - part.top, box.bottom - part.top, height, part.bottom - part.top)
    columns = _within(box.left - part.left, box.right - part.left, width, part.right - part.left)
    return rows, columns


def _within(first: int, end: int, pixels: int, length: int) -> slice:
    """Pixels, ``pixels`` of which make ``length``, between two places; rounded inward, without floating point."""
    return slice(max(0, -(-first * pixels // length)), min(pixels, end * pixels // length))
