"""Images are decoded no smaller than `data.size` and the augmentation need, and at full size where that cannot be said."""

from __future__ import annotations

from typing import Any

import pytest

from mstasks.data.reduced import decoding_size


@pytest.mark.parametrize(
    ("transforms", "size"),
    [
        ([], (96, 128)),
        ([{"HorizontalFlip": {"p": 0.5}}, {"ColorJitter": {}}], (96, 128)),
        ([{"RandomResizedCrop": {"scale": [0.25, 1.0]}}], (192, 256)),
        ([{"RandomResizedCrop": {"scale": [0.25, 1.0]}}, {"RandomResizedCrop": {"scale": [0.25, 1.0]}}], (384, 512)),
        ([{"RandomResizedCrop": {"scale": [0.25, 1.0], "ratio": [0.5, 2.0]}}], None),
        ([{"GaussianBlur": {}}], None),
        ([{"CenterCrop": {"height": 64, "width": 64}}], None),
        ([{"HorizontalFlip": None}], (96, 128)),
        ([{"Transpose": {}}], (128, 128)),
        ([{"Rotate": {"limit": 20}}], (96, 128)),
        ([{"Rotate": {"crop_border": True}}], None),
        ([{"Posterize": {}}], None),
    ],
)
def test_the_smallest_size_that_loses_nothing(transforms: Any, size: tuple[int, int] | None) -> None:
    assert decoding_size(transforms, (96, 128)) == size


def test_the_default_crop_is_known() -> None:
    import albumentations

    crop = albumentations.RandomResizedCrop(size=(8, 8))
    side = min(crop.scale) ** -0.5
    assert decoding_size([{"RandomResizedCrop": {}}], (100, 100)) == (int(100 * side) + 1, int(100 * side) + 1)
