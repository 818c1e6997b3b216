"""How small an image may be decoded: as small as `data.size` and the augmentation leave room for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

_SCALE_FREE = frozenset(
    {
        "HorizontalFlip",
        "VerticalFlip",
        "Transpose",
        "RandomRotate90",
        "D4",
        "SquareSymmetry",
        "Rotate",
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
        "Solarize",
        "Posterize",
    }
)
"""Transforms that do the same to a picture of half the size; a blur, or a crop of so many pixels, does not."""
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
    zoom = 1.0
    for entry in transforms:
        for name, arguments in entry.items():
            if name == "RandomResizedCrop" and "ratio" not in (arguments or {}):
                # The crop has the image's aspect, hence its sides are the square root of its share of the area.
                zoom /= math.sqrt(min((arguments or {}).get("scale", _CROP_SCALE)))
            elif name not in _SCALE_FREE:
                return None
    return math.ceil(size[0] * zoom), math.ceil(size[1] * zoom)
