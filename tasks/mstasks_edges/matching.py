"""One-to-one matching of predicted to true edge pixels within a distance, for all thresholds in one pass."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

BoolMap = NDArray[np.bool_]
BoolVector = NDArray[np.bool_]
Pixels = NDArray[np.intp]

_FREE = -1
_CHUNK = 4096  # predicted pixels whose surroundings are looked up at once; bounds memory


def matching_gains(predicted: Pixels, truth: BoolMap, radius: float) -> BoolVector:
    """Find which predicted pixels enlarge the best matching with the true ones, taken in the given order.

    A pair may be matched if it is at most `radius` pixels apart, and each pixel at most once, as in the Berkeley
    benchmark (Martin, Fowlkes and Malik 2004). The number of matched pairs among the first k predicted pixels is the
    sum of the first k answers, for every k: a pixel that enlarges a maximum matching when it comes is never lost
    again, and one that does not never will (its alternating paths stay closed). So one pass over pixels in order of
    falling score gives the exact maximum at every threshold.

    Args:
        predicted: Row and column of each predicted pixel, best first, shape (n, 2).
        truth: True edge pixels, shape (height, width).
        radius: In pixels.

    Returns:
        Boolean, shape (n,).
    """
    disk = _disk(radius)
    nearby = cv2.dilate(truth.astype(np.uint8), disk.astype(np.uint8))
    candidates = np.flatnonzero(nearby[predicted[:, 0], predicted[:, 1]])
    rows = _numbers_nearby(predicted[candidates], truth, disk)
    gains = np.zeros(len(predicted), np.bool_)
    gains[candidates] = _Matching(rows, int(truth.sum())).grow()
    return gains


def _disk(radius: float) -> BoolMap:
    reach = int(radius)
    steps = np.arange(-reach, reach + 1)
    return np.asarray(steps[:, None] ** 2 + steps**2 <= radius**2)


def _numbers_nearby(predicted: Pixels, truth: BoolMap, disk: BoolMap) -> list[list[int]]:
    """List for each predicted pixel the true ones around it, nearest first, numbered in reading order."""
    reach = len(disk) // 2
    numbers = np.full(truth.shape, _FREE, np.int32)
    numbers[truth] = np.arange(truth.sum(), dtype=np.int32)
    padded = np.pad(numbers, reach, constant_values=_FREE)
    steps = np.argwhere(disk)
    steps = steps[np.argsort(((steps - reach) ** 2).sum(1), kind="stable")]
    rows = []
    for start in range(0, len(predicted), _CHUNK):
        pixels = predicted[start : start + _CHUNK, None] + steps
        near = padded[pixels[..., 0], pixels[..., 1]].tolist()
        rows += [[number for number in row if number != _FREE] for row in near]
    return rows


class _Matching:
    """A maximum bipartite matching that grows by one left vertex at a time (augmenting paths, breadth first).

    Args:
        near: For each left vertex the right vertices that it may be matched with, preferred first.
        rights: Number of right vertices.
    """

    def __init__(self, near: Sequence[Sequence[int]], rights: int) -> None:
        self._near = near
        self._owner = [_FREE] * rights
        self._held = [_FREE] * len(near)
        self._closed = [False] * rights

    def grow(self) -> list[bool]:
        """Add the left vertices in order; which of them enlarged the matching."""
        return [self._add(left) for left in range(len(self._near))]

    def _add(self, new: int) -> bool:
        reached_from: dict[int, int] = {}
        queue = [new]
        for left in queue:
            for right in self._near[left]:
                if right in reached_from or self._closed[right]:
                    continue
                reached_from[right] = left
                if self._owner[right] == _FREE:
                    self._flip(right, new, reached_from)
                    return True
                queue.append(self._owner[right])
        # No free vertex can be reached from any of these, now or later, so that no search needs to come here again.
        for right in reached_from:
            self._closed[right] = True
        return False

    def _flip(self, right: int, new: int, reached_from: dict[int, int]) -> None:
        """Match along the path that leads back from the free vertex `right` to the left vertex `new`."""
        while True:
            left = reached_from[right]
            self._owner[right], self._held[left], right = left, right, self._held[left]
            if left == new:
                return
