"""Target geometry: what a camera move does to the values of each kind of label, where the pixels go aside.

A move of the image plane is a similarity: mirror or turn by an orthogonal matrix Q, zoom in by s. The camera stays
what it is, so after the zoom the scene appears s times nearer: a point (X, Y, Z) becomes (Q (X, Y), Z / s). Hence
depth is divided by s, and the normal of a surface, the gradient of its implicit function, becomes (Q (n_x, n_y), s
n_z), made unit again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mstasks.targets import TargetInfo, TargetKind

_SAME = 1e-6


@dataclass(frozen=True)
class Similarity:
    """A mirror or turn of the image plane with a zoom, shifts aside.

    Attributes:
        zoom: s; above 1 the scene fills more pixels.
        turn: Q, orthogonal (2, 2), acting on (x right, y down); determinant -1 for a mirror.
    """

    zoom: float
    turn: NDArray[np.float64]

    @cached_property
    def mirrors(self) -> bool:
        """Whether left and right change places."""
        return bool(np.linalg.det(self.turn) < 0)

    @cached_property
    def flips(self) -> tuple[bool, bool] | None:
        """Whether x and whether y change sign, if that is all that the move does; None if it does more."""
        if abs(self.zoom - 1) >= _SAME or max(abs(self.turn[0, 1]), abs(self.turn[1, 0])) >= _SAME:
            return None
        return bool(self.turn[0, 0] < 0), bool(self.turn[1, 1] < 0)

    @property
    def is_identity(self) -> bool:
        """Whether no value changes."""
        return self.flips == (False, False)


@cache
def mirror(across: bool, down: bool) -> Similarity:
    """The move that exchanges left and right, or top and bottom, or both; its matrix is read-only."""
    turn = np.diag([-1.0 if across else 1.0, -1.0 if down else 1.0])
    turn.setflags(write=False)
    return Similarity(1.0, turn)


IDENTITY = Similarity(1.0, np.eye(2))


def similarity(linear: NDArray[np.float64], before: tuple[int, int], after: tuple[int, int]) -> Similarity:
    """The move that an augmentation made, beyond the plain resize of the whole image.

    A plain resize keeps depth and normals: the camera's focal lengths, counted in pixels, go along with it. So the
    zoom of a crop is the whole height over the crop's height, whatever size it is brought to.

    Args:
        linear: (2, 2) linear part of the map of pixels (x, y) from the image before to the image after.
        before: Height and width of the image before.
        after: Height and width of the image after.

    Returns:
        The nearest similarity; rounding a crop to whole pixels makes it a little anisotropic.
    """
    plain = np.array([after[1] / before[1], after[0] / before[0]])
    move = linear / plain[:, None]
    zoom = float(np.sqrt(abs(np.linalg.det(move))))
    left, _, right = np.linalg.svd(move)
    return Similarity(zoom, left @ right)


def swaps(info: TargetInfo) -> NDArray[np.int64] | None:
    """New class index of each class after a mirror, from the declared pairs; None if there are none."""
    if not info.pairs:
        return None
    order = np.arange(len(info.names))
    for first, second in info.pairs:
        one, other = info.names.index(first), info.names.index(second)
        order[one], order[other] = other, one
    return order


def moved_values(
    kind: TargetKind, value: NDArray[Any], move: Similarity, swap: NDArray[np.int64] | None
) -> NDArray[Any]:
    """Labels whose pixels are in place already, with the values that the move gives them.

    Args:
        kind: Kind of the target.
        value: Shape as in `mstasks.RawTarget`; may be overwritten.
        move: What the camera did.
        swap: Of `swaps`, for label maps.
    """
    if move.is_identity:
        return value
    if kind is TargetKind.DEPTH_MAP:
        return value if move.flips is not None else (value / np.float32(move.zoom)).astype(np.float32)
    if kind is TargetKind.VECTOR_MAP:
        return _moved_vectors(value, move)
    if swap is not None and move.mirrors:
        known = (value >= 0) & (value < len(swap))  # what is no class stays so, to be refused by name
        return np.where(known, np.take(swap, value, mode="clip"), value)
    return value


def _moved_vectors(value: NDArray[Any], move: Similarity) -> NDArray[np.float32]:
    if move.flips is not None:
        mirrored = value.astype(np.float32, copy=False)  # unit vectors stay unit
        for axis in np.flatnonzero(move.flips):
            np.negative(mirrored[..., axis], out=mirrored[..., axis])
        return mirrored
    matrix = np.zeros((3, 3), np.float32)
    matrix[:2, :2] = move.turn
    matrix[2, 2] = move.zoom
    moved = value.reshape(-1, 3).astype(np.float32, copy=False) @ matrix.T
    norm = np.sqrt(np.einsum("ij,ij->i", moved, moved))
    # A vector that is not valid may be zero; it stays zero instead of becoming NaN.
    unit: NDArray[np.float32] = (moved / np.maximum(norm, 1e-12)[:, None]).reshape(value.shape)
    return unit
