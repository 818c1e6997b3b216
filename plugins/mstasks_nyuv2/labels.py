"""Arrays as files hold them to labels with their validity; every error says what must be, to follow the file's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mstasks import RawTarget
from mstasks_nyuv2.classes import MERGED, NAMES_13
from mstasks_nyuv2.classes_894 import CLASS_40_OF_894

_NONE = 255
_OF_40 = np.array([_NONE, *range(40)], np.uint8)
_TO_13 = np.array([_NONE, *(NAMES_13.index(merged) for merged in MERGED.values())], np.uint8)
_OF_894 = np.array([0, *CLASS_40_OF_894], np.uint8)


Sample = Callable[[NDArray[Any]], NDArray[Any]]
"""Picks some pixels of an array (H, W) or (H, W, 3). What a file holds is checked before, all of it."""


def everything(pixels: NDArray[Any]) -> NDArray[Any]:
    """All pixels."""
    return pixels


def of_40(stored: NDArray[Any], classes: int, sample: Sample = everything) -> RawTarget:
    """Class indices from 0, of 40 classes counted from 1.

    Args:
        stored: (H, W) whole numbers: 0 and 255 void, else the class from 1 to 40.
        classes: 40 or 13.
        sample: Which pixels to deliver.

    Raises:
        ValueError: If the array is of another type or shape, or holds another value.
    """
    numbers = _whole(stored)
    if numbers.max(initial=0) >= 255:
        numbers = np.where(numbers == 255, 0, numbers)
    _check_range(numbers, 0, 40, "0 or 255 for void and classes 1 to 40")
    return _picked(_TO_13 if classes == 13 else _OF_40, sample(numbers))


def of_13(stored: NDArray[Any], sample: Sample = everything) -> RawTarget:
    """Class indices from 0, of 13 classes counted from 0.

    Args:
        stored: (H, W) whole numbers: -1 void, else the class from 0 to 12.
        sample: Which pixels to deliver.

    Raises:
        ValueError: As `of_40`.
    """
    numbers = _whole(stored)
    _check_range(numbers, -1, 12, "-1 for void and classes 0 to 12")
    numbers = sample(numbers)
    valid = numbers >= 0
    return RawTarget(np.where(valid, numbers, 0).astype(np.uint8), valid)


def of_894(stored: NDArray[Any], classes: int, sample: Sample = everything) -> RawTarget:
    """Class indices from 0, of the 894 classes of the official labels.

    Args:
        stored: (H, W) whole numbers: 0 void, else the class from 1 to 894.
        classes: 40 or 13.
        sample: Which pixels to deliver.

    Raises:
        ValueError: As `of_40`.
    """
    numbers = _whole(stored)
    _check_range(numbers, 0, 894, "0 for void and classes 1 to 894")
    return _picked(_TO_13 if classes == 13 else _OF_40, _OF_894[sample(numbers)])


def depth(stored: NDArray[Any], sample: Sample = everything) -> RawTarget:
    """Metres; valid where finite and positive.

    Raises:
        ValueError: If the array is not (H, W) or (H, W, 1) of numbers.
    """
    value = sample(plane(stored))
    valid = np.isfinite(value) & (value > 0)
    return RawTarget(np.where(valid, value, np.float32(0)), valid)


def edges(stored: NDArray[Any], sample: Sample = everything) -> RawTarget:
    """Edge strength; valid where finite. Clipped to [0, 1], which a resize may have left by a little.

    Raises:
        ValueError: If the array is not (H, W) or (H, W, 1) of numbers, or reaches above 2.
    """
    value = plane(stored)
    valid = np.isfinite(value)
    most = float(value.max(where=valid, initial=0))
    if most > 2:
        raise ValueError(f"must hold edges from 0 to 1. Found {most:g}; were they scaled to 0..255, divide them by 255")
    value, valid = sample(value), sample(valid)
    return RawTarget(np.clip(np.where(valid, value, np.float32(0)), 0, 1), valid)


def edges_picture(stored: NDArray[Any], sample: Sample = everything) -> RawTarget:
    """Edge strength of a picture: 0 none, 255 full; or of one bit. Valid everywhere.

    Raises:
        ValueError: If the picture is of another type or shape, or of bytes none of which is above 1.
    """
    if stored.ndim != 2 or stored.dtype not in (np.uint8, np.bool_):
        raise ValueError(f"must be an 8-bit picture of one channel, 0 to 255. Found {stored.dtype} {stored.shape}")
    value = sample(stored).astype(np.float32)
    if stored.dtype == np.uint8:
        if stored.max(initial=0) == 1:
            raise ValueError("must hold edges scaled to 0..255. Found none above 1; store a 0/1 mask as 0 and 255")
        value /= 255
    return RawTarget(value, np.ones(value.shape, np.bool_))


def plane(stored: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers of shape (H, W) or (H, W, 1) as float32 (H, W).

    Raises:
        ValueError: If the array is of another type or shape.
    """
    flat = stored[..., 0] if stored.ndim == 3 and stored.shape[2] == 1 else stored
    if flat.ndim != 2 or flat.dtype.kind not in "fiub":
        raise ValueError(f"must hold numbers of shape (H, W) or (H, W, 1). Found {stored.dtype} {stored.shape}")
    return flat.astype(np.float32, copy=False)


def _whole(stored: NDArray[Any]) -> NDArray[Any]:
    """Class numbers as integers, whatever type holds them."""
    if stored.ndim != 2 or stored.dtype.kind not in "fiu":
        raise ValueError(f"must hold class numbers of shape (H, W). Found {stored.dtype} {stored.shape}")
    if stored.dtype.kind != "f":
        return stored
    odd = ~((stored == np.rint(stored)) & (np.abs(stored) < 2**15))
    if odd.any():
        raise ValueError(f"must hold whole numbers of classes. Found {stored[odd][0]:g}")
    return stored.astype(np.int16)


def _check_range(numbers: NDArray[Any], least: int, most: int, wanted: str) -> None:
    for found in (int(numbers.min(initial=least)), int(numbers.max(initial=least))):
        if not least <= found <= most:
            raise ValueError(f"must hold {wanted}. Found {found}")


def _picked(table: NDArray[np.uint8], numbers: NDArray[Any]) -> RawTarget:
    value = table.take(numbers)
    valid = value != _NONE
    return RawTarget(value * valid, valid)
