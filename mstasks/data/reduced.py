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
        "Solarize",
        "Posterize",
    }
)
"""Transforms that do the same before and after a resize; a blur, or a crop of so many pixels, does not."""
_SCALE_FREE = _SIZE_FREE | {"Transpose", "RandomRotate90", "D4", "SquareSymmetry", "Rotate"}
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
    zoom = 1.0
    for entry in transforms:
        for name, arguments in entry.items():
            if name == "RandomResizedCrop" and "ratio" not in (arguments or {}):
                # The crop has the image's aspect, hence its sides are the square root of its share of the area.
                zoom /= math.sqrt(min((arguments or {}).get("scale", _CROP_SCALE)))
            elif name not in _SCALE_FREE:
                return None
    return math.ceil(size[0] * zoom), math.ceil(size[1] * zoom)


def resizes_first(transforms: Sequence[Mapping[str, Mapping[str, Any]]]) -> bool:
    """Whether samples may be resized to `data.size` before they are augmented: nothing then comes out otherwise."""
    return all(name in _SIZE_FREE for entry in transforms for name in entry)
