"""Masks of parts merged into one map of classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mstasks import RawTarget, map_threads, nearest, quoted, read_picture
from mstasks_celebamask_hq.classes import Classes
from mstasks_celebamask_hq.layout import part_paths
from mstasks_celebamask_hq.names import PARTS

_THRESHOLD = 127  # the published script takes all that is not 0, which widens parts whose edges are smoothed


def mask_files(root: Path, number: int, classes: Classes) -> tuple[Path, ...]:
    """The files that decide the map of an image, in the order of painting, whether or not they exist.

    If none exists of the parts that matter, all parts are listed: one that exists says that the image is annotated, and
    how large its map is.
    """
    files = part_paths(root, number, classes.parts)
    if len(files) == len(PARTS) or any(file.exists() for file in files):
        return files
    return part_paths(root, number, PARTS)


def merged(files: Sequence[Path], classes: Classes, size: tuple[int, int] | None = None) -> RawTarget | None:
    """Paint the parts over each other, later ones on top.

    Args:
        files: As `mask_files` lists them.
        classes: Which part is of which class.
        size: Height and width to sample the masks to before they are merged; None to leave them as they are.

    Returns:
        uint8 (H, W) class indices, valid everywhere; None if no file exists, since then nobody has annotated the image.

    Raises:
        ValueError: If a file is no mask, or is not as large as another one of the image.
    """
    present = [file for file in files if file.exists()]
    if not present:
        return None
    if len(files) > len(classes.parts) and len(present) > 1:
        present = present[:1]  # all background: only the size is wanted
    masks = map_threads(_mask, present)
    for file, mask in zip(present, masks, strict=True):
        if mask.shape != masks[0].shape:
            raise ValueError(
                f"{quoted(file)} is {_size(mask)}, {quoted(present[0])} {_size(masks[0])}. All masks of an image must "
                "have one size."
            )
    stored = masks[0].shape
    if size is not None:
        masks = [nearest(mask, size) for mask in masks]
    # In the order of painting, "on top" is "larger", and a maximum of bytes is the fastest way to paint.
    top = _painted(present[0], masks[0])
    for file, mask in zip(present[1:], masks[1:], strict=True):
        cv2.max(top, _painted(file, mask), top)
    value = np.asarray(cv2.LUT(top, _table(classes)), np.uint8)
    return RawTarget(value, np.ones(value.shape, np.bool_), stored=(stored[0], stored[1]))


def _painted(file: Path, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The part's place in the order of painting, from 1, where the mask is set; 0 elsewhere."""
    place = PARTS.index(file.stem.split("_", 1)[1]) + 1
    return np.asarray(cv2.threshold(mask, _THRESHOLD, place, cv2.THRESH_BINARY)[1], np.uint8)


def _mask(file: Path) -> NDArray[np.uint8]:
    """uint8 (H, W), 0 to 255."""
    stored = read_picture(file)
    if stored.dtype == np.bool_ and stored.ndim == 2:
        return stored.astype(np.uint8) * np.uint8(255)
    if stored.dtype != np.uint8 or not (stored.ndim == 2 or stored.shape[2] == 3):
        raise ValueError(
            f"{quoted(file)} must be a mask of one channel, or of three equal ones, 8 bits each. Found {stored.dtype} "
            f"{stored.shape}."
        )
    mask = stored if stored.ndim == 2 else _one_channel(stored, file)
    if mask.max() == 1:
        raise ValueError(f"{quoted(file)} holds 0 and 1, where 0 and 255 are expected.")
    return mask


def _one_channel(stored: NDArray[np.uint8], file: Path) -> NDArray[np.uint8]:
    red, green, blue = cv2.split(stored)
    if cv2.norm(red, green, cv2.NORM_INF) or cv2.norm(red, blue, cv2.NORM_INF):
        raise ValueError(f"{quoted(file)} is a picture in colour, where a mask is expected.")
    return np.asarray(red, np.uint8)


def _table(classes: Classes) -> NDArray[np.uint8]:
    """The class for each place in the order of painting; 0 stays the background."""
    table = np.zeros(256, np.uint8)
    table[1 : len(PARTS) + 1] = classes.index
    return table


def _size(array: NDArray[np.uint8]) -> str:
    return f"{array.shape[1]} x {array.shape[0]}"
