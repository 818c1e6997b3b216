"""Images shrink as Pillow shrinks them; sizes in between are interpolated as OpenCV does."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from mstasks.data.sampling import resized


def picture(height: int, width: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    smooth = cv2.resize(generator.integers(0, 256, (5, 7, 3), dtype=np.uint8), (width, height)).astype(int)
    return np.clip(smooth + generator.integers(-40, 41, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(48, 64), (47, 33), (95, 128), (1, 1)])
def test_a_shrunk_image_is_pillows_within_rounding(size: tuple[int, int]) -> None:
    image = picture(96, 128)
    shrunk = resized(image, size)
    expected = Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR)
    assert (shrunk.shape, shrunk.dtype) == ((*size, 3), np.uint8)
    assert np.abs(shrunk.astype(int) - np.asarray(expected)).max() <= 1


@pytest.mark.parametrize("size", [(192, 256), (96, 200), (200, 64)])
def test_an_image_that_grows_is_interpolated_linearly(size: tuple[int, int]) -> None:
    image = picture(96, 128)
    assert np.array_equal(resized(image, size), cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR))


@pytest.mark.filterwarnings("error")
def test_images_that_cannot_be_written_to_or_lie_otherwise_in_memory_shrink_alike() -> None:
    image = picture(96, 128)
    expected = resized(image, (48, 64))
    image.setflags(write=False)
    assert np.array_equal(resized(image, (48, 64)), expected)
    mirrored = np.ascontiguousarray(image[:, ::-1])[:, ::-1]
    assert np.array_equal(resized(mirrored, (48, 64)), expected)
    assert resized(image, (96, 128)) is image
