"""Where each pixel of the new image comes from, and labels fetched from there: the nearest one, never a mixture."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

OUTSIDE = -1e30
"""Coordinate of a pixel that shows nothing of the image: so far out that the faintest mixture with it is too."""


@lru_cache(maxsize=2)
def coordinates(height: int, width: int) -> NDArray[np.float32]:
    """The x and y of each pixel, shape (height, width, 2), read-only."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    grid = np.stack([x, y], -1)
    grid.setflags(write=False)
    return grid


def resized(array: NDArray[Any], size: tuple[int, int], smooth: bool = True) -> NDArray[Any]:
    """An image or coordinates at another height and width, interpolated linearly.

    Args:
        array: Image, uint8 (h, w, channels), or coordinates, float32 (h, w, 2).
        size: Height and width.
        smooth: Whether to look at all pixels when shrinking, for images: by a triangle as wide as two new pixels, as
            Pillow and torchvision do it. That is `torch.nn.functional.interpolate` with ``antialias``, which takes a
            quarter of the time of OpenCV's means of areas.
    """
    if array.shape[:2] == size:
        return array
    shrinks = array.shape[0] >= size[0] and array.shape[1] >= size[1]
    if not (smooth and shrinks):
        return np.asarray(cv2.resize(array, (size[1], size[0]), interpolation=cv2.INTER_LINEAR))
    writable = np.require(array, requirements=["C", "W"])  # torch warns of others, though it only reads
    # The batch comes first, so that torch sees channels last, and gives them back so.
    planes = torch.from_numpy(writable)[None].permute(0, 3, 1, 2)
    shrunk = interpolate(planes, size, mode="bilinear", antialias=True)
    return np.ascontiguousarray(shrunk[0].permute(1, 2, 0).numpy())


def nearest(labels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Dense labels, or what they are stored as, at another size: each pixel gets the nearest one, never a mixture.

    Args:
        labels: (h, w, ...).
        size: Height and width.

    Returns:
        Shape (height, width, ...); the labels themselves if they have that size.
    """
    return Sampler(None, size, size)(labels)


class Sampler:
    """Fetches labels of any resolution for the pixels of a new image, at the nearest label each.

    Args:
        source: Where each new pixel comes from: x and y in pixels of the old image, shape (height, width, 2), `OUTSIDE`
            where from nowhere; None for a plain resize of the whole.
        before: Height and width of the old image.
        after: Height and width of the new image.
        mirrored: Whether a plain resize is followed by an exchange of left and right, and of top and bottom.
    """

    def __init__(
        self,
        source: NDArray[np.float32] | None,
        before: tuple[int, int],
        after: tuple[int, int],
        mirrored: tuple[bool, bool] = (False, False),
    ) -> None:
        self._source = source
        self._before = before
        self._after = after
        self._mirrored = mirrored
        self._indices: dict[tuple[int, int], NDArray[np.intp]] = {}
        self.inside = None if source is None else self._shows_something(source)

    def _shows_something(self, source: NDArray[np.float32]) -> NDArray[np.bool_] | None:
        height, width = self._before
        x, y = source[..., 0], source[..., 1]
        inside = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
        return None if inside.all() else inside

    def __call__(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Labels of shape (h, w, ...) that show the old image, fetched: shape (height, width, ...).

        Where `inside` is False they mean nothing.
        """
        shape = (labels.shape[0], labels.shape[1])
        if self._source is None and shape == self._after:
            return _flipped(labels, self._mirrored)
        index = self._indices.get(shape)
        if index is None:
            across, down = (-1 if mirrored else 1 for mirrored in self._mirrored)
            index = self._index(*shape) if self._source is not None else _plain(shape, self._after)
            index = self._indices[shape] = index[::down, ::across]
        flat = labels.reshape(shape[0] * shape[1], *labels.shape[2:])
        return flat.take(index, axis=0)

    def _index(self, height: int, width: int) -> NDArray[np.intp]:
        """Flat index of the nearest label for each new pixel."""
        assert self._source is not None, "a plain resize has an index of its own"
        # Pixel centres are at whole coordinates, so a pixel reaches half a pixel to each side.
        x = np.clip((self._source[..., 0] + 0.5) * (width / self._before[1]), 0, width - 1).astype(np.intp)
        y = np.clip((self._source[..., 1] + 0.5) * (height / self._before[0]), 0, height - 1).astype(np.intp)
        index: NDArray[np.intp] = y * width + x
        return index


@lru_cache(maxsize=8)
def _plain(before: tuple[int, int], after: tuple[int, int]) -> NDArray[np.intp]:
    """Flat index of the nearest label for each pixel of a plain resize, read-only."""
    rows, columns = (
        ((np.arange(new) + 0.5) * (old / new)).astype(np.intp) for old, new in zip(before, after, strict=True)
    )
    index: NDArray[np.intp] = rows[:, None] * before[1] + columns
    index.setflags(write=False)
    return index


def _flipped(labels: NDArray[Any], mirrored: tuple[bool, bool]) -> NDArray[Any]:
    """Labels with left and right, and top and bottom, exchanged; the labels themselves if neither is."""
    across, down = mirrored
    if not (across or down):
        return labels
    if labels.dtype in (np.uint8, np.float32, np.bool_):  # what almost all labels are; many times faster than numpy
        plain = labels.view(np.uint8) if labels.dtype == np.bool_ else labels
        flipped = np.asarray(cv2.flip(plain, -1 if across and down else int(across)))
        return flipped.view(labels.dtype).reshape(labels.shape)
    return labels[:: -1 if down else 1, :: -1 if across else 1]
