"""Stored normals to unit vectors; what was encoded for a picture, and so is no unit vector, is told from what is."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mstasks import RawTarget
from mstasks_nyuv2.labels import Sample, everything

_SHORTEST = 0.1
_LEAST, _MOST = 0.5, 1.5
"""Lengths between which a vector may have been a unit vector.

Interpolating between two unit vectors at an angle a gives a length of cos(a / 2) at worst, which half of a picture's
vectors could only fall short of 0.5 by if they stood between neighbours more than 120 degrees apart; rounding to a byte
and JPEG change lengths by a few hundredths. Bytes 0..255 have lengths of about 90 to 350.
"""
_BAND = 1 << 19
"""So many pixels are squared at once; a whole large array would be held twice."""
_FEW_ROWS = 16
_ENOUGH = 1 << 16
"""So many pixels are looked at first."""


def normals(stored: NDArray[Any], sample: Sample = everything) -> RawTarget:
    """Unit vectors; valid where the stored vector is finite and longer than 0.1.

    Raises:
        ValueError: If the array is not (H, W, 3) of numbers, or its vectors are not of about unit length, or not one of
            their components is negative, which no surface but one to the upper left of the axis can face a camera with.
            Of a large array, rows in equal steps are looked at, and all of it if they are not as they should be.
    """
    value = _vectors(stored)
    # Some rows almost always tell that all is well; if they leave a doubt, all of them decide.
    some = value[:: 1 + value.shape[0] * value.shape[1] // _ENOUGH]
    length, valid = _measured(some)
    if not _mostly_unit(length, valid) or not _some_negative(some, valid):
        _check(value)
    picked = sample(value)
    return _unit(picked, *_measured(picked))


def _check(value: NDArray[np.float32]) -> None:
    length, valid = _measured(value)
    _check_lengths(length, valid, "2 v / 255 - 1")
    if valid.any() and not _some_negative(value, valid):
        raise ValueError(
            "must hold unit vectors that face the camera, x right, y down, z forward. Found no negative component, as "
            "if they had been encoded to 0..1; decode them by 2 v - 1"
        )


def normals_picture(stored: NDArray[Any], sample: Sample = everything) -> RawTarget:
    """Unit vectors of a picture that holds (n + 1) 255 / 2; valid where the decoded length is about 1.

    So mid-grey, which is no vector, and black and white, of length 1.7, are not valid.

    Raises:
        ValueError: If the picture is not 8-bit with three channels, or most of it is no unit vector.
    """
    if stored.dtype != np.uint8:
        raise ValueError(f"must be an 8-bit picture of three channels, 0 to 255. Found {stored.dtype} {stored.shape}")
    value = _vectors(stored) * np.float32(2 / 255) - np.float32(1)
    length = _lengths(value)
    coloured = (length > _SHORTEST) & (stored.max(axis=2) > 0) & (stored.min(axis=2) < 255)
    _check_lengths(length, coloured, "what was used to encode them")
    valid = coloured & (length >= _LEAST) & (length <= _MOST)
    return _unit(sample(value), sample(length), sample(valid))


def _vectors(stored: NDArray[Any]) -> NDArray[np.float32]:
    if stored.ndim != 3 or stored.shape[2] != 3 or stored.dtype.kind not in "fiu":
        raise ValueError(f"must hold numbers of shape (H, W, 3). Found {stored.dtype} {stored.shape}")
    return stored.astype(np.float32, copy=False)


def _measured(value: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Lengths, and which of the vectors are finite and longer than 0.1."""
    length = _lengths(value)
    return length, (length > _SHORTEST) & (length < np.inf)


def _lengths(value: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of vectors (H, W, 3); by OpenCV, which takes a tenth of the time of `numpy.einsum`."""
    length = np.empty(value.shape[:2], np.float32)
    rows = max(1, _BAND // max(1, value.shape[1]))
    for top in range(0, len(value), rows):
        band = value[top : top + rows]
        length[top : top + rows] = cv2.transform(cv2.multiply(band, band), np.ones((1, 3), np.float32))
    return np.sqrt(length, out=length)


def _some_negative(value: NDArray[np.float32], valid: NDArray[np.bool_]) -> bool:
    """Whether a valid vector has a negative component; the first rows almost always tell."""
    bands = (slice(top, top + _FEW_ROWS) for top in range(0, len(value), _FEW_ROWS))
    return any(bool(((value[band] < 0) & valid[band, :, None]).any()) for band in bands)


def _mostly_unit(length: NDArray[np.float32], counted: NDArray[np.bool_]) -> bool:
    """Whether their median is between the bounds; true of none at all."""
    count = np.count_nonzero(counted)
    short, long = (np.count_nonzero(outside & counted) for outside in (length < _LEAST, length > _MOST))
    return not count or bool(max(short, long) <= (count - 1) // 2)  # the one or two in the middle are neither


def _check_lengths(length: NDArray[np.float32], counted: NDArray[np.bool_], decode: str) -> None:
    if _mostly_unit(length, counted):
        return
    middle = float(np.median(length[counted]))
    if not _LEAST <= middle <= _MOST:
        looks = ", as if they had been encoded to 0..255" if middle > 50 else ""
        raise ValueError(
            f"must hold unit vectors. Found a median length of {middle:.3g}{looks}; decode them by {decode}"
        )


def _unit(value: NDArray[np.float32], length: NDArray[np.float32], valid: NDArray[np.bool_]) -> RawTarget:
    scale = np.divide(1, length, out=np.zeros_like(length), where=valid)
    if not valid.all():
        value = np.where(valid[..., None], value, np.float32(0))  # else NaN times 0 would stay NaN
    return RawTarget(value * cv2.merge((scale, scale, scale)), valid)
