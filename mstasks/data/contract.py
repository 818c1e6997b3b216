"""What a data set must deliver, held to it: types and shapes of images and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mstasks.data.sample import RawTarget
from mstasks.targets import TargetInfo, TargetKind


def image_shape(id: str, image: NDArray[Any]) -> tuple[int, int]:
    """Height and width of the image of the sample ``id``.

    Raises:
        ValueError: If it is not uint8 (H, W, 3), or empty.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"The image of '{id}' must be uint8 (H, W, 3). Found {image.dtype} {image.shape}.")
    return image.shape[0], image.shape[1]


def check_label(id: str, name: str, info: TargetInfo, raw: RawTarget) -> None:
    """Hold a data set to the shapes of `mstasks.RawTarget`.

    Raises:
        ValueError: If a label of the sample ``id`` has another or is empty; says which target.
    """
    shape, place = raw.value.shape, f"'{name}' of '{id}'"
    vector = info.kind is TargetKind.VECTOR_MAP
    if info.kind.dense:
        right, wanted = len(shape) == 2 + vector and shape[2:] == (3,) * vector, "(H, W, 3)" if vector else "(H, W)"
    else:
        right, wanted = shape == (len(info.names),), f"({len(info.names)},)"
    if not right:
        raise ValueError(f"The value of {place}, a {info.kind}, must have shape {wanted}. Found {shape}.")
    if info.kind is TargetKind.LABEL_MAP and raw.value.dtype.kind not in "iu":
        raise ValueError(f"The value of {place}, a {info.kind}, must be of an integer type. Found {raw.value.dtype}.")
    if raw.valid.dtype != np.bool_ or raw.valid.shape != shape[:2]:
        raise ValueError(f"`valid` of {place} must be bool {shape[:2]}. Found {raw.valid.dtype} {raw.valid.shape}.")
    if 0 in shape:
        raise ValueError(f"The value of {place} is empty: its shape is {shape}.")


def check_upright(id: str, name: str, info: TargetInfo, raw: RawTarget, image: tuple[int, int]) -> None:
    """Refuse a dense label that lies on its side: it has the aspect of the turned image, within 2 %, and no other's.

    Raises:
        ValueError: If it does; says which target, both sizes, and what to do.
    """
    height, width = (raw.stored or raw.value.shape[:2]) if info.kind.dense else image
    if _alike((height, width), image[::-1]) and not _alike((height, width), image):
        raise ValueError(
            f"'{name}' of '{id}' is turned against its image: it has {height} rows and {width} columns, the image "
            f"{image[0]} and {image[1]}. A photograph is turned upright by its EXIF orientation. Turn the label alike, "
            "or save the photograph without that orientation."
        )


def _alike(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two sizes have the same ratio of height to width, within 2 %."""
    return 0.98 <= shape[0] * other[1] / (shape[1] * other[0]) <= 1 / 0.98
