"""Places in the 480 x 640 frame, found again in pictures of other sizes."""

from __future__ import annotations

import numpy as np
import pytest

from mstasks import RawTarget
from mstasks_nyuv2.derive import derived
from mstasks_nyuv2.derive_normals import KINECT
from mstasks_nyuv2.frame import EIGEN, INNER, UNFRAMED, WHOLE, Box, inside, shown


@pytest.mark.parametrize("box", [EIGEN, UNFRAMED])
def test_at_full_size_a_box_is_itself(box: Box) -> None:
    assert inside(box, 480, 640) == (slice(box.top, box.bottom), slice(box.left, box.right))


@pytest.mark.parametrize("box", [EIGEN, UNFRAMED])
@pytest.mark.parametrize("size", [(240, 320), (288, 384), (120, 160), (960, 1280), (6, 8)])
def test_a_pixel_belongs_to_a_box_if_all_of_it_does(box: Box, size: tuple[int, int]) -> None:
    """Against a map painted at forty times the pixels of the frame, of which each pixel takes its part."""
    for length, whole, first, end, axis in (
        (size[0], 480, box.top, box.bottom, 0),
        (size[1], 640, box.left, box.right, 1),
    ):
        fine = np.zeros(whole * size[0] // np.gcd(size[0], 480) * 4, np.bool_)
        per = len(fine) // whole
        fine[first * per : end * per] = True
        expected = np.flatnonzero(fine.reshape(length, -1).all(axis=1))
        found = inside(box, *size)[axis]
        assert [*range(found.start, found.stop)] == expected.tolist()


def test_the_inner_pictures_of_425_by_560_lie_where_their_makers_cut_them() -> None:
    assert shown(425, 560) == INNER
    frame = np.arange(480 * 640).reshape(480, 640)
    inner = frame[45:470, 40:600]
    rows, columns = inside(EIGEN, 425, 560)
    both = np.intersect1d(inner, frame[45:471, 41:601])
    assert np.array_equal(inner[rows, columns].ravel(), both)
    assert inside(UNFRAMED, 425, 560) == (slice(0, 425), slice(0, 560)), "the white frame is cut off already"


def test_other_shapes_are_refused() -> None:
    assert shown(240, 320) == WHOLE
    with pytest.raises(
        ValueError, match=r"200 x 200 pixels are neither the whole frame of 480 x 640 .* nor its inner 425"
    ):
        inside(EIGEN, 200, 200)


def test_the_camera_of_a_cut_picture_is_the_same_camera() -> None:
    """A slanted wall, z = 2 + 0.4 X: its depth in the whole frame and in the inner part give the same normals."""
    x = (np.arange(640)[None] - KINECT.cx) / KINECT.fx
    depth = np.broadcast_to(2 / (1 - 0.4 * x), (480, 640)).astype(np.float32)
    expected = np.array([0.4, 0, -1]) / np.hypot(0.4, 1)
    for part in (depth, depth[45:470, 40:600]):
        target = derived("normals", RawTarget(np.ascontiguousarray(part), np.ones(part.shape, np.bool_)))
        assert target.valid.mean() > 0.95
        np.testing.assert_allclose(target.value[target.valid], np.tile(expected, (target.valid.sum(), 1)), atol=2e-3)
    with pytest.raises(ValueError, match="not known"):
        derived("normals", RawTarget(depth[:200, :200], np.ones((200, 200), np.bool_)))
