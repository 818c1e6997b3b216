from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mstasks.figures import VOID
from mstasks.report.error_maps import ERRORS, coloured, error_map, gradient, mean_error, ramp, upper_end
from mstasks.targets import TargetKind

ALL = torch.ones(1, 2, 3, dtype=torch.bool)


def test_there_is_an_error_for_each_dense_kind() -> None:
    assert set(ERRORS) == {kind for kind in TargetKind if kind.dense}


def test_a_pixel_of_another_class_is_wrong() -> None:
    scores = torch.tensor([[[0.9, 0.1, 0.4]], [[0.1, 0.9, 0.6]]])
    error = error_map(TargetKind.LABEL_MAP, scores, torch.tensor([[0, 0, 1]]), torch.tensor([[True, True, True]]))
    assert error.tolist() == [[0, 1, 0]]
    assert ERRORS[TargetKind.LABEL_MAP].written(1 / 3) == "33 % wrong"


def test_the_error_of_depth_is_in_metres() -> None:
    error = error_map(TargetKind.DEPTH_MAP, torch.full((1, 2, 3), 2.5), torch.full((1, 2, 3), 4.0), ALL)
    np.testing.assert_allclose(error, np.full((2, 3), 1.5))
    assert ERRORS[TargetKind.DEPTH_MAP].written(1.5) == "mean 1.50 m"


@pytest.mark.parametrize("degrees", [0, 30, 90, 180])
@pytest.mark.parametrize("length", [1.0, 7.0])
def test_the_error_of_vectors_is_the_angle_between_them(degrees: float, length: float) -> None:
    turned = torch.tensor([math.sin(math.radians(degrees)), 0, math.cos(math.radians(degrees))]) * length
    prediction = turned[:, None, None].expand(3, 2, 3)
    value = torch.tensor([0.0, 0, 1])[:, None, None].expand(3, 2, 3)
    np.testing.assert_allclose(error_map(TargetKind.VECTOR_MAP, prediction, value, ALL), degrees, atol=0.05)


def test_the_error_of_scalars_is_the_absolute_difference() -> None:
    error = error_map(TargetKind.SCALAR_MAP, torch.full((1, 2, 3), 0.2), torch.ones(1, 2, 3), ALL)
    np.testing.assert_allclose(error, np.full((2, 3), 0.8), rtol=1e-6)


def test_pixels_without_a_label_count_for_nothing_and_are_grey() -> None:
    valid = ALL.clone()
    valid[0, 0, 0] = False
    error = error_map(TargetKind.DEPTH_MAP, torch.full((1, 2, 3), 9.0), torch.full((1, 2, 3), 8.0), valid)
    assert np.isnan(error[0, 0])
    assert mean_error(error) == 1
    assert coloured(error, 1.0)[0, 0].tolist() == [VOID] * 3


def test_an_image_without_any_label_has_no_mean() -> None:
    assert mean_error(np.full((2, 2), np.nan, np.float32)) is None


def test_larger_errors_are_brighter_and_the_largest_stay_the_same() -> None:
    pixels = coloured(np.array([[0, 0.5, 1, 5]], np.float32), 1.0)[0].astype(int).sum(-1)
    assert pixels[0] < 20
    assert pixels[0] < pixels[1] < pixels[2] == pixels[3]


def test_the_colours_end_at_a_round_number_above_nearly_all_errors() -> None:
    errors = [np.linspace(0, 1.23, 1000, dtype=np.float32).reshape(10, 100), np.full((1, 3), np.nan, np.float32)]
    assert upper_end(TargetKind.DEPTH_MAP, errors) == 1.5
    outlier = np.array([[100.0]], np.float32)
    assert upper_end(TargetKind.DEPTH_MAP, [*errors, outlier]) == 1.5
    assert upper_end(TargetKind.DEPTH_MAP, [np.full((2, 2), np.nan, np.float32)]) == 1
    assert upper_end(TargetKind.DEPTH_MAP, [np.zeros((2, 2), np.float32)]) == 1
    assert upper_end(TargetKind.SCALAR_MAP, errors) == 1


def test_the_key_has_the_colours_of_the_pictures() -> None:
    ends = coloured(np.array([[0, 1]], np.float32), 1.0)[0].tolist()
    assert all(f"rgb({red},{green},{blue})" in ramp() for red, green, blue in ends)
    assert gradient(np.array([[1, 2, 3], [4, 5, 6]], np.uint8)).startswith("linear-gradient(to right,rgb(1,2,3),")
