"""Normals fitted to depth, against planes in closed form, a fit written out pixel by pixel, and rendered rooms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mstasks_nyuv2.derive_normals import KINECT, Intrinsics, normals_from_depth
from mstasks_scenes.labels import depth as exact_depth
from mstasks_scenes.labels import normals as exact_normals
from mstasks_scenes.layout import make_scene
from mstasks_scenes.trace import trace

Array = NDArray[Any]

CAMERA = Intrinsics(130, 132, 41.3, 28.6)
"""Windows of 5 x 5 pixels."""
SIZE = (60, 80)
NORMALS = [(0, 0, -1), (0.5, 0, -1), (0, -1, -0.3), (-0.8, 0.4, -1), (1, 1, -0.9)]


def rays(camera: Intrinsics, size: tuple[int, int] = SIZE) -> Array:
    rows, columns = np.mgrid[: size[0], : size[1]].astype(float)
    return np.stack([(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones(size)], -1)


def unit(*vector: float) -> Array:
    return np.array(vector) / math.hypot(*vector)


def plane(normal: Array, through: tuple[float, float, float], seen: Array) -> Array:
    """Depth of a plane through a point along rays whose third component is 1."""
    depth: Array = ((normal @ np.array(through)) / (seen @ normal)).astype(np.float32)
    return depth


def everywhere(depth: Array) -> NDArray[np.bool_]:
    return np.ones(depth.shape, np.bool_)


def degrees(normals: Array, truth: Array) -> Array:
    """Angle between unit vectors, exact for small ones too."""
    angles: Array = np.degrees(2 * np.arcsin(np.linalg.norm(normals - truth, axis=-1) / 2))
    return angles


@pytest.mark.parametrize("normal", NORMALS)
def test_a_plane_has_its_normal_everywhere(normal: tuple[float, float, float]) -> None:
    depth = plane(unit(*normal), (0, 0, 2.5), rays(CAMERA))
    front = depth > 0
    normals, valid = normals_from_depth(depth, front, CAMERA)
    assert normals.dtype == np.float32
    assert front.sum() > 2000
    # Where the plane is so far that a window holds too little in front of the camera, nothing is claimed.
    assert valid[front & (depth < 20)].mean() > 0.97
    assert degrees(normals[valid], unit(*normal)).max() < 1e-3
    assert (normals[valid] * rays(CAMERA)[valid]).sum(-1).max() < 0


def test_a_corner_and_a_step_do_not_mix() -> None:
    seen = rays(CAMERA)
    left, right, near = unit(1, 0, -1), unit(-1, 0, -0.5), unit(0, 0.3, -1)
    walls = np.minimum(plane(left, (0, 0, 3), seen), plane(right, (0, 0, 3), seen))
    box = np.s_[30:, 20:60]
    depth, truth = walls.copy(), np.where((walls == plane(left, (0, 0, 3), seen))[..., None], left, right)
    depth[box], truth[box] = plane(near, (0, 0, 1.2), seen)[box], near
    assert len(np.unique(truth.reshape(-1, 3), axis=0)) == 3
    normals, valid = normals_from_depth(depth, everywhere(depth), CAMERA)
    assert valid.mean() > 0.999
    assert degrees(normals[valid], truth[valid]).max() < 1e-2


def test_what_is_thinner_than_a_window_is_not_invented() -> None:
    wall = plane(unit(0.2, 0, -1), (0, 0, 3), rays(CAMERA))
    depth = wall.copy()
    depth[:, 40] = 1.5
    normals, valid = normals_from_depth(depth, everywhere(depth), CAMERA)
    assert not valid[:, 40].any()
    beside = np.arange(80) != 40
    assert valid[:, beside].all()
    assert degrees(normals[:, beside], unit(0.2, 0, -1)).max() < 1e-2


def test_what_is_not_valid_is_not_looked_at() -> None:
    normal = unit(0.3, -0.6, -1)
    depth = plane(normal, (0, 0, 2), rays(CAMERA))
    missing = np.random.default_rng(0).random(SIZE) < 0.4
    rubbish = np.random.default_rng(1).choice([0, -3, 0.2, 7, 1e30, 1e-30, np.nan, np.inf, -np.inf], SIZE)
    depth[missing] = rubbish[missing]
    normals, valid = normals_from_depth(depth, ~missing, CAMERA)
    assert not valid[missing].any()
    assert not normals[~valid].any()
    assert valid[~missing].mean() > 0.99
    assert degrees(normals[valid], normal).max() < 1e-3


@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf, 1e-30])
def test_impossible_depths_count_as_invalid(value: float) -> None:
    depth = plane(unit(0, 0.5, -1), (0, 0, 2), rays(CAMERA))
    depth[::3, ::3] = value
    normals, valid = normals_from_depth(depth, everywhere(depth), CAMERA)
    assert not valid[::3, ::3].any()
    assert valid.mean() > 0.85
    assert degrees(normals[valid], unit(0, 0.5, -1)).max() < 1e-3


@pytest.mark.parametrize("size", [(1, 1), (1, 60), (60, 1), (2, 2)])
def test_too_few_points_give_no_normal(size: tuple[int, int]) -> None:
    depth = np.full(size, 2, np.float32)
    normals, valid = normals_from_depth(depth, everywhere(depth), CAMERA)
    assert normals.shape == (*size, 3)
    assert not valid.any()
    assert not normals.any()


def test_lonely_points_give_no_normal() -> None:
    depth = np.full(SIZE, 2, np.float32)
    alone = np.zeros(SIZE, np.bool_)
    alone[::3, ::3] = True  # at most 4 of the 25 pixels of a window
    assert not normals_from_depth(depth, alone, CAMERA)[1].any()
    alone[:, 3:5] = True
    assert normals_from_depth(depth, alone, CAMERA)[1][:, 3:5].all()


def test_normals_face_the_camera_whatever_the_depth() -> None:
    depth = np.random.default_rng(0).uniform(0.3, 40, SIZE).astype(np.float32)
    normals, valid = normals_from_depth(depth, everywhere(depth), CAMERA)
    assert valid.sum() > 50
    assert (normals[valid] * rays(CAMERA)[valid]).sum(-1).max() < 0
    assert np.linalg.norm(normals[valid], axis=-1) == pytest.approx(np.ones(valid.sum()), abs=1e-6)


def fitted(depth: Array, measured: NDArray[np.bool_]) -> dict[tuple[int, int], tuple[Array, float]]:
    """The plane of the 5 x 5 window around each pixel and the variance about it, by least squares on lists of points."""
    seen, planes = rays(CAMERA), {}
    for row, column in np.ndindex(SIZE):
        window = np.s_[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
        inside = measured[window]
        if inside.sum() >= 25 / 4:
            points, inverse = seen[window][inside], 1 / depth[window][inside].astype(float)
            plane = np.linalg.lstsq(points, inverse, rcond=None)[0]
            planes[row, column] = plane, ((points @ plane - inverse) ** 2).sum() / (len(points) - 3)
    return planes


def test_the_normal_is_that_of_the_weighted_planes_of_nine_windows_by_least_squares() -> None:
    random = np.random.default_rng(5)
    depth = plane(unit(0.4, 0.7, -1), (0, 0, 2), rays(CAMERA))
    depth[20:40, 30:50] -= 0.4
    depth *= random.normal(1, 0.02, SIZE).astype(np.float32)
    measured = random.random(SIZE) < 0.7
    normals, valid = normals_from_depth(depth, measured, CAMERA)
    planes, seen = fitted(depth, measured), rays(CAMERA)
    usual = np.median([variance for _, variance in planes.values()])
    assert len(planes) < 4800, "every window had enough points; the rule was not tried"
    for row, column in zip(*np.nonzero(measured), strict=True):
        inverse, weights, total = 1 / float(depth[row, column]), 0.0, np.zeros(3)
        for place in ((row + down, column + along) for down in (-2, 0, 2) for along in (-2, 0, 2)):
            if place in planes:
                found, variance = planes[place]
                weight = (max(variance, usual) + 0.1 * (found @ seen[row, column] - inverse) ** 2) ** -3
                weights, total = weights + weight, total + weight * found
        assert valid[row, column] == (abs(total @ seen[row, column] / weights - inverse) <= min(0.02, inverse / 2))
        if valid[row, column]:
            assert degrees(normals[row, column], -total / np.linalg.norm(total)) < 1e-4
    assert 0.5 < valid[measured].mean() < 1


def test_steps_of_depth_are_not_taken_for_surfaces() -> None:
    """The plane is 12.6 degrees off; its steps are as wide as a window, so most windows hold only one or two."""
    normal, size = unit(0.2, 0.1, -1), (240, 320)
    camera = KINECT.at(*size)
    depth: Array = np.round(plane(normal, (0, 0, 2), rays(camera, size)) / 0.02) * np.float32(0.02)
    normals, valid = normals_from_depth(depth, everywhere(depth), camera)
    assert valid.all()
    assert np.median(degrees(normals, normal)) < 5
    assert (degrees(normals, unit(0, 0, -1)) < 3).mean() < 0.1


@pytest.mark.parametrize("size", [(240, 320), (288, 384), (120, 160), (96, 200)])
def test_another_size_of_the_frame_shows_the_same_normals(size: tuple[int, int]) -> None:
    normal = unit(0.5, -0.4, -1)
    camera = KINECT.at(*size)
    depth = plane(normal, (0, 0, 2), rays(camera, size))
    normals, valid = normals_from_depth(depth, everywhere(depth), camera)
    assert valid.all()
    assert degrees(normals, normal).max() < 1e-3
    assert degrees(normals_from_depth(depth, everywhere(depth), KINECT)[0], normal).max() > 5


def test_a_pixel_of_a_smaller_picture_looks_between_those_that_it_is_made_of() -> None:
    whole, half = rays(KINECT, (480, 640)), rays(KINECT.at(240, 320), (240, 320))
    assert half == pytest.approx(whole.reshape(240, 2, 320, 2, 3).mean((1, 3)), abs=1e-12)
    assert KINECT.at(480, 640) == KINECT


def test_a_crop_shows_the_same_normals() -> None:
    camera = Intrinsics(130, 132, 41.3, 28.6)
    crop = np.s_[7:50, 11:70]
    assert rays(camera.shifted(7, 11), (43, 59)) == pytest.approx(rays(camera)[crop], abs=1e-12)


def test_rendered_rooms_seen_by_a_noisy_sensor() -> None:
    scene, size = make_scene("0/test/000003"), (240, 320)
    visible = trace(scene, size)
    focal = scene.camera.pixels(size)
    camera = Intrinsics(focal, focal, 159.5, 119.5)
    depth, truth = exact_depth(visible), exact_normals(scene, visible)
    noise = np.random.default_rng(0).normal(0, 0.001, size)  # in 1/m: 4 mm at 2 m
    for measured, mean, median in ((depth, 3, 0.1), ((1 / (1 / depth + noise)).astype(np.float32), 6, 3)):
        normals, valid = normals_from_depth(measured, everywhere(depth), camera)
        angles = degrees(normals[valid], truth[valid])
        assert valid.mean() > 0.99
        assert angles.mean() < mean
        assert np.median(angles) < median


def test_maps_of_unlike_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`depth` and `valid` must be \(H, W\) both. Found \(4, 5\) and \(5, 4\)"):
        normals_from_depth(np.ones((4, 5), np.float32), np.ones((5, 4), np.bool_), KINECT)
    with pytest.raises(ValueError, match=r"Found \(4, 5, 1\) and \(4, 5, 1\)"):
        normals_from_depth(np.ones((4, 5, 1), np.float32), np.ones((4, 5, 1), np.bool_), KINECT)
