"""Thinning of soft edge maps: non-maximum suppression across the edge, then thinning of what is still wide."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

FloatMap = NDArray[np.float32]
BoolMap = NDArray[np.bool_]

FAINTEST = 0.01
"""Values below this are background: rounding noise in the far tails of an edge has crests too."""
_SIGMA = 1.0  # pixels; smooths the map before its curvature is taken
_TIE = 1.01  # neighbours less than 1 % stronger do not suppress: rounding must not break up an even crest
# Position of each neighbour in the neighbourhood code: bits 0..7 go round from north-west, clockwise.
_BITS = np.array([[1, 2, 4], [128, 0, 8], [64, 32, 16]], np.float32)


def thin(edges: FloatMap) -> FloatMap:
    """Keep the crest lines of a soft edge map, one pixel wide.

    Pixels weaker than a neighbour across the edge are suppressed, as in Dollar and Zitnick 2015, "Fast edge detection
    using structured forests", but with the direction across from the Hessian of the smoothed map; what is left is
    thinned by `skeleton`, which is where even crests, wide labels and constant maps come down to lines.

    Args:
        edges: Values in [0, 1], shape (height, width).

    Returns:
        The same values where a crest of at least `FAINTEST` runs and 0 elsewhere. A map of thin lines of 1 on 0 is
        returned as it is.
    """
    return np.where(skeleton(_is_crest(edges)), edges, np.float32(0))


def _is_crest(edges: FloatMap) -> BoolMap:
    """Where an edge is no weaker than a pixel's step away on both sides across it."""
    smooth = cv2.GaussianBlur(edges, (0, 0), _SIGMA)
    xx, yy = cv2.Sobel(smooth, cv2.CV_32F, 2, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 2)
    xy = cv2.Sobel(smooth, cv2.CV_32F, 1, 1)
    # Across is where the map bends most, up or down: the eigenvector of the Hessian's eigenvalue of largest magnitude.
    # The most negative one would do on the crest only; on the slopes beside it, it points along the edge.
    turned = np.where(xx + yy > 0, np.float32(0), np.float32(np.pi / 2))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + turned
    across_x, across_y = np.cos(angle), np.sin(angle)
    rows, columns = np.indices(edges.shape, np.float32)
    crest = np.asarray(edges >= np.float32(FAINTEST))
    for side in (1, -1):
        beside = cv2.remap(
            edges, columns + side * across_x, rows + side * across_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        crest &= edges * _TIE >= beside
    return crest


def skeleton(mask: BoolMap) -> BoolMap:
    """Thin a mask to lines one pixel wide that keep its connected components and the ends of lines.

    Guo and Hall 1989, "Parallel thinning with two-subiteration algorithms", algorithm A1: the neighbourhood of all
    pixels is judged at once, alternately for the two halves of the compass, until nothing changes.

    Args:
        mask: Boolean, shape (height, width).
    """
    thinned = mask.astype(np.uint8)
    unchanged = 0
    half = 0
    while unchanged < 2:
        code = cv2.filter2D(thinned, -1, _BITS, borderType=cv2.BORDER_CONSTANT)
        removed = _removable(half)[code] & thinned
        unchanged = 0 if removed.any() else unchanged + 1
        thinned -= removed
        half = 1 - half
    return thinned.astype(np.bool_)


@cache
def _removable(half: int) -> NDArray[np.uint8]:
    """For each of the 256 neighbourhood codes, 1 if the pixel in its middle may go in this half-iteration.

    It may if its neighbours hang together without it (one crossing), if it is neither inside nor the end of a line (two
    or three neighbours, counted in pairs), and if it lies on the side of the shape that is thinned now.
    """
    ring = [(np.arange(256) >> bit & 1).astype(np.bool_) for bit in range(8)]  # from north-west, clockwise
    after = ring[1:] + ring[:1]
    crossings = sum((~ring[side] & (after[side] | after[(side + 1) % 8])).astype(int) for side in (1, 3, 5, 7))
    pairs = [(one | other).astype(int) for one, other in zip(ring, after, strict=True)]
    neighbours = np.minimum(sum(pairs[0::2]), sum(pairs[1::2]))
    first = 4 * half  # the second half-iteration is the first one turned by 180 degrees
    kept = ring[first + 3] & (ring[first + 1] | ring[first + 2] | ~ring[(first + 4) % 8])
    return ((crossings == 1) & (neighbours >= 2) & (neighbours <= 3) & ~kept).astype(np.uint8)
