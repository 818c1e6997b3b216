"""Arrays as the files hold them to labels with their validity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mstasks import RawTarget
from mstasks_nyuv2.classes import MERGED, NAMES_13

_VOID = (0, 255)
_SHORTEST = 0.1

_INDEX_40 = np.zeros(256, np.uint8)
_INDEX_40[1:41] = np.arange(40)
_INDEX_13 = np.zeros(256, np.uint8)
_INDEX_13[1:41] = [NAMES_13.index(merged) for merged in MERGED.values()]


def segmentation(stored: NDArray[Any], classes: int) -> RawTarget:
    """Class indices from 0.

    Args:
        stored: uint8 (H, W): 0 and 255 void, else the class counted from 1 to 40.
        classes: 40 or 13.

    Raises:
        ValueError: If the array is of another type or shape, or holds another value.
    """
    if stored.dtype != np.uint8 or stored.ndim != 2:
        raise ValueError(f"must be an 8-bit picture of one channel. Found {stored.dtype} {stored.shape}")
    valid = (stored != _VOID[0]) & (stored != _VOID[1])
    most = int(stored.max(where=valid, initial=0))
    if most > 40:
        raise ValueError(f"must hold 0 for void and classes 1 to 40. Found {most}")
    return RawTarget((_INDEX_13 if classes == 13 else _INDEX_40)[stored], valid)


def depth(stored: NDArray[Any]) -> RawTarget:
    """Metres; valid where finite and positive.

    Raises:
        ValueError: If the array is not (H, W) or (H, W, 1) of numbers.
    """
    value = _plane(stored)
    valid = np.isfinite(value) & (value > 0)
    return RawTarget(np.where(valid, value, np.float32(0)), valid)


def normals(stored: NDArray[Any]) -> RawTarget:
    """Unit vectors; valid where the stored vector is finite and longer than 0.1.

    Raises:
        ValueError: If the array is not (H, W, 3) of numbers.
    """
    if stored.ndim != 3 or stored.shape[2] != 3 or stored.dtype.kind not in "fiu":
        raise ValueError(f"must hold numbers of shape (H, W, 3). Found {stored.dtype} {stored.shape}")
    value = stored.astype(np.float32, copy=False)
    norm = np.sqrt(np.einsum("hwc,hwc->hw", value, value))
    valid = np.isfinite(norm) & (norm > _SHORTEST)
    unit = np.where(valid[..., None], value, np.float32(0)) / np.where(valid, norm, np.float32(1))[..., None]
    return RawTarget(unit, valid)


def edges(stored: NDArray[Any]) -> RawTarget:
    """Edge strength clipped to [0, 1]; valid where finite.

    Raises:
        ValueError: If the array is not (H, W) or (H, W, 1) of numbers.
    """
    value = _plane(stored)
    valid = np.isfinite(value)
    return RawTarget(np.clip(np.where(valid, value, np.float32(0)), 0, 1), valid)


def _plane(stored: NDArray[Any]) -> NDArray[np.float32]:
    plane = stored[..., 0] if stored.ndim == 3 and stored.shape[2] == 1 else stored
    if plane.ndim != 2 or plane.dtype.kind not in "fiub":
        raise ValueError(f"must hold numbers of shape (H, W) or (H, W, 1). Found {stored.dtype} {stored.shape}")
    return plane.astype(np.float32, copy=False)
