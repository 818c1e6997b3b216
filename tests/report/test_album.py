from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mstasks.report.album import LARGEST, Album, PageTooLargeError
from mstasks.report.page import Page, Section, paragraph

NOISE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)


def decoded(document: str) -> list[NDArray[np.uint8]]:
    data = re.findall(r'src="data:image/webp;base64,([^"]+)"', document)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(each))).convert("RGB")) for each in data]


def test_a_picture_that_is_not_smooth_keeps_its_exact_colours() -> None:
    album = Album()
    (found,) = decoded(album.fill(album.picture(NOISE, "noise", smooth=False), 10**6))
    np.testing.assert_array_equal(found, NOISE)


def test_a_smooth_picture_looks_alike() -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 96, dtype=np.uint8)[None, :, None], (64, 96, 3)).copy()
    album = Album()
    (found,) = decoded(album.fill(album.picture(ramp, "ramp"), 10**6))
    assert np.abs(found.astype(int) - ramp).max() < 12


def test_pictures_stand_where_they_were_put_whatever_the_order() -> None:
    album = Album()
    black, white = (album.picture(np.full((4, 4, 3), level, np.uint8), "x", smooth=False) for level in (0, 255))
    assert [int(picture.max()) for picture in decoded(album.fill(white + black + white, 10**6))] == [255, 0, 255]


def test_no_picture_is_larger_than_a_page_can_use() -> None:
    album = Album()
    (found,) = decoded(album.fill(album.picture(np.zeros((100, 2000, 3), np.uint8), "wide"), 10**6))
    assert found.shape == (32, LARGEST, 3)


@pytest.mark.parametrize("smooth", [True, False])
def test_pictures_are_made_smaller_until_the_page_is_below_its_limit(smooth: bool) -> None:
    page = Page("many")
    page.add(Section("s").add(*(page.album.picture(NOISE, "noise", smooth=smooth) for _ in range(20))))
    whole = page.render()
    limit = len(whole.encode()) // 2
    small = page.render(limit)
    assert len(small.encode()) < limit
    assert len(decoded(small)) == 20
    assert decoded(small)[0].size < decoded(whole)[0].size == NOISE.size


def test_a_page_of_exactly_the_limit_is_too_large() -> None:
    page = Page("x")
    size = len(page.render().encode())
    with pytest.raises(PageTooLargeError):
        page.render(size)
    assert page.render(size + 1)


def test_pictures_that_cannot_be_made_to_fit_are_told_with_the_remedy() -> None:
    page = Page("x")
    page.add(Section("s").add(page.album.picture(NOISE, "noise")))
    with pytest.raises(
        PageTooLargeError, match=r"with its 1 pictures at their smallest; .* below 0\.01 MB\. Show fewer im"
    ):
        page.render(10_000)


def test_text_that_looks_like_a_placeholder_stays_text() -> None:
    page = Page("x")
    page.add(Section("s").add(page.album.picture(NOISE, "noise"), paragraph('src="picture:0"')))
    assert page.render().count("data:image/webp") == 1


@pytest.mark.parametrize("pixels", [NOISE.astype(np.float32), NOISE[..., 0], NOISE[..., :2], NOISE[:0]])
def test_what_is_no_rgb_picture_is_explained(pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"A picture must be uint8 \(height, width, 3\)\. Found "):
        Album().picture(pixels, "x")
