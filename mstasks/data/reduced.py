"""How small an image may be decoded: as small as `data.size` and the augmentation leave room for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

_SIZE_FREE = frozenset(
    {
        "HorizontalFlip",
        "VerticalFlip",
        "NoOp",
        "ColorJitter",
        "RandomBrightnessContrast",
        "HueSaturationValue",
        "RGBShift",
        "RandomGamma",
        "ToGray",
        "ToSepia",
        "ChannelShuffle",
        "ChannelDropout",
        "InvertImg",
    }
)
"""Transforms that do the same before and after a resize, those of colours but for rounding and clipping.

On photographs shrunk to a third, the order changes ColorJitter by 1 level of 256 in the mean, HueSaturationValue by
0.7, RandomGamma by 0.3. A blur, or a crop of so many pixels, means something else on a smaller picture.
"""
_TURNS = frozenset({"Transpose", "RandomRotate90", "D4", "SquareSymmetry"})
_SCALE_FREE = _SIZE_FREE | _TURNS | {"Rotate"}
"""Transforms that do the same to a picture of half the size, if height and width are halved alike."""
_CROP_SCALE = (0.08, 1.0)
"""What RandomResizedCrop of albumentations takes if the recipe does not say."""


def decoding_size(
    transforms: Sequence[Mapping[str, Mapping[str, Any]]], size: tuple[int, int]
) -> tuple[int, int] | None:
    """The height and width to which images may be reduced while they are decoded.

    Args:
        transforms: The recipe's `data.augment`, which has been checked.
        size: The recipe's `data.size`.

    Returns:
        At least ``size``, and more where crops are blown up; None if a transform depends on how many pixels there are.
    """
    zoom, height, width = 1.0, size[0], size[1]
    for entry in transforms:
        for name, arguments in entry.items():
            if name == "RandomResizedCrop" and "ratio" not in (arguments or {}):
                # The crop has the image's aspect, hence its sides are the square root of its share of the area.
                zoom /= math.sqrt(min((arguments or {}).get("scale", _CROP_SCALE)))
            elif name not in _SCALE_FREE or (arguments or {}).get("crop_border"):
                return None
            elif name in _TURNS:
                height = width = max(size)  # what was the height may become the width
    return math.ceil(height * zoom), math.ceil(width * zoom)


def resizes_first(transforms: Sequence[Mapping[str, Mapping[str, Any]]]) -> bool:
    """Whether samples may be resized to `data.size` before they are augmented: see `_SIZE_FREE`."""
    return all(name in _SIZE_FREE for entry in transforms for name in entry)
