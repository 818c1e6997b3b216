"""Values of labels under camera moves, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from mstasks.data.geometry import IDENTITY, Similarity, moved_values, similarity, swaps
from mstasks.targets import TargetInfo, TargetKind

FLIP = np.diag([-1.0, 1.0])
QUARTER = np.array([[0.0, 1.0], [-1.0, 0.0]])  # x right goes up: a quarter turn against the clock, y pointing down


def test_zoom_halves_depth_when_the_scene_fills_twice_the_pixels() -> None:
    depth = np.array([[1.0, 3.0]], np.float32)
    moved = moved_values(TargetKind.DEPTH_MAP, depth, Similarity(2.0, np.eye(2)), None)
    assert moved.tolist() == [[0.5, 1.5]]
    assert moved.dtype == np.float32


def test_mirror_keeps_depth() -> None:
    depth = np.array([[1.0, 3.0]], np.float32)
    assert moved_values(TargetKind.DEPTH_MAP, depth, Similarity(1.0, FLIP), None).tolist() == [[1.0, 3.0]]


def test_zoom_turns_normals_towards_the_optical_axis() -> None:
    """Hand-computed: (3, 0, -4) / 5 zoomed by 2 is (3, 0, -8) / sqrt(73)."""
    normal = np.array([[[0.6, 0.0, -0.8]]], np.float32)
    moved = moved_values(TargetKind.VECTOR_MAP, normal, Similarity(2.0, np.eye(2)), None)
    np.testing.assert_allclose(moved[0, 0], np.array([3, 0, -8]) / np.sqrt(73), atol=1e-6)


@pytest.mark.parametrize(("turn", "expected"), [(FLIP, [-0.6, 0.0, -0.8]), (QUARTER, [0.0, -0.6, -0.8])])
def test_mirror_and_turn_act_on_x_and_y_of_normals(turn: np.ndarray, expected: list[float]) -> None:
    normal = np.array([[[0.6, 0.0, -0.8]]], np.float32)
    moved = moved_values(TargetKind.VECTOR_MAP, normal, Similarity(1.0, turn), None)
    np.testing.assert_allclose(moved[0, 0], expected, atol=1e-6)


def test_moved_normals_are_unit_and_zero_vectors_stay_finite() -> None:
    vectors = np.random.default_rng(0).normal(size=(8, 8, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    vectors[0, 0] = 0
    moved = moved_values(TargetKind.VECTOR_MAP, vectors, Similarity(1.7, FLIP), None)
    assert moved[0, 0].tolist() == [0, 0, 0]
    np.testing.assert_allclose(np.linalg.norm(moved, axis=-1).ravel()[1:], 1, atol=1e-6)


def test_a_mirror_does_not_make_a_class_of_what_is_none() -> None:
    info = TargetInfo(TargetKind.LABEL_MAP, tuple("abcd"), pairs=(("b", "d"),))
    labels = np.array([[-1, 1, 4, 300]])
    assert moved_values(info.kind, labels, Similarity(1.0, FLIP), swaps(info)).tolist() == [[-1, 3, 4, 300]]


def test_mirror_swaps_paired_classes_and_no_others() -> None:
    info = TargetInfo(TargetKind.LABEL_MAP, ("skin", "left_eye", "nose", "right_eye"), (("left_eye", "right_eye"),))
    labels = np.array([[0, 1, 2, 3]])
    assert moved_values(info.kind, labels, Similarity(1.0, FLIP), swaps(info)).tolist() == [[0, 3, 2, 1]]
    assert moved_values(info.kind, labels, Similarity(2.0, QUARTER), swaps(info)).tolist() == [[0, 1, 2, 3]]


def test_scalar_maps_and_the_identity_change_nothing() -> None:
    edges = np.array([[0.25]], np.float32)
    assert moved_values(TargetKind.SCALAR_MAP, edges, Similarity(2.0, FLIP), None) is edges
    assert moved_values(TargetKind.DEPTH_MAP, edges, IDENTITY, None) is edges


def test_plain_resize_is_no_move_whatever_the_aspect() -> None:
    assert similarity(np.diag([256 / 640, 256 / 480]), (480, 640), (256, 256)).is_identity


def test_zoom_of_a_crop_is_whole_height_over_crop_height() -> None:
    """A 240 x 320 crop of a 480 x 640 image brought to 96 x 128."""
    move = similarity(np.diag([128 / 320, 96 / 240]), (480, 640), (96, 128))
    assert move.zoom == pytest.approx(2.0)
    assert not move.mirrors


def test_turn_and_mirror_are_read_from_the_linear_part() -> None:
    move = similarity(1.5 * QUARTER @ FLIP, (64, 64), (64, 64))
    assert move.zoom == pytest.approx(1.5)
    np.testing.assert_allclose(move.turn, QUARTER @ FLIP, atol=1e-12)
    assert move.mirrors
