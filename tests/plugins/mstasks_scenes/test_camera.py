"""The pinhole camera in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mstasks_scenes.camera import look


def test_the_field_of_view_spans_the_longer_side() -> None:
    camera = look((0, 0, 1), 0, 0, 0, field=math.radians(90), mirrored=False)
    rays = camera.rays((2, 4)).reshape(3, 2, 4)
    assert rays[0, 0] == pytest.approx([-0.75, -0.25, 0.25, 0.75])
    assert rays[1] == pytest.approx(np.ones((2, 4)))
    assert rays[2, :, 0] == pytest.approx([0.25, -0.25])


@pytest.mark.parametrize("mirrored", [False, True])
def test_axes_are_orthonormal_and_rays_advance_by_one_in_depth(mirrored: bool) -> None:
    camera = look((1, 2, 3), 0.7, 0.4, 0.1, 1.2, mirrored)
    assert camera.axes @ camera.axes.T == pytest.approx(np.eye(3), abs=1e-6)
    assert np.linalg.det(camera.axes) == pytest.approx(-1 if mirrored else 1, abs=1e-6)
    assert camera.components(camera.rays((6, 8)))[2] == pytest.approx(np.ones(48), abs=1e-6)


def test_pitch_looks_down_and_yaw_towards_x() -> None:
    assert look((0, 0, 0), 0, 0.5, 0, 1, False).axes[2] == pytest.approx([0, math.cos(0.5), -math.sin(0.5)])
    assert look((0, 0, 0), 0.5, 0, 0, 1, False).axes[2] == pytest.approx([math.sin(0.5), math.cos(0.5), 0])
    assert look((0, 0, 0), 0, 0, 0, 1, False).axes[1] == pytest.approx([0, 0, -1])


def test_a_mirrored_camera_sees_columns_in_reverse() -> None:
    plain, mirrored = (
        look((0, 0, 1), 0.3, 0.2, 0.1, 1.2, flag).rays((5, 7)).reshape(3, 5, 7) for flag in (False, True)
    )
    assert np.array_equal(plain, mirrored[:, :, ::-1])
