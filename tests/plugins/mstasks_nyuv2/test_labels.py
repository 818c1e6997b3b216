"""From stored arrays to labels with validity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mstasks import RawTarget
from mstasks_nyuv2 import labels
from mstasks_nyuv2.classes import MERGED, NAMES_13, NAMES_40


def test_forty_classes_count_from_zero_and_void_is_not_valid() -> None:
    target = labels.segmentation(np.array([[0, 1, 40, 255]], np.uint8), 40)
    assert target.valid.tolist() == [[False, True, True, False]]
    assert target.value[0, 1:3].tolist() == [0, 39]


@pytest.mark.parametrize(
    ("stored", "name"), [("wall", "wall"), ("floor mat", "floor"), ("desk", "table"), ("blinds", "window")]
)
def test_classes_merge_by_name(stored: str, name: str) -> None:
    picture = np.full((1, 1), NAMES_40.index(stored) + 1, np.uint8)
    assert NAMES_13[labels.segmentation(picture, 13).value[0, 0]] == name


def test_every_one_of_the_thirteen_classes_is_made_of_some_of_the_forty() -> None:
    assert len(NAMES_40) == 40
    assert set(MERGED.values()) == set(NAMES_13)
    every = labels.segmentation(np.arange(41, dtype=np.uint8)[None], 13)
    assert set(every.value[every.valid].tolist()) == set(range(13))


def test_depth_is_valid_where_it_is_finite_and_positive() -> None:
    target = labels.depth(np.array([[1.5, 0, -1, np.nan, np.inf]]))
    assert target.valid.tolist() == [[True, False, False, False, False]]
    assert target.value.tolist() == [[1.5, 0, 0, 0, 0]]
    assert target.value.dtype == np.float32


def test_normals_are_made_unit_and_short_ones_are_not_valid() -> None:
    target = labels.normals(np.array([[[0, 0, -2], [0, 0, 0], [0.05, 0, 0], [np.nan, 0, 1], [0.3, 0, -0.4]]]))
    assert target.valid.tolist() == [[True, False, False, False, True]]
    expected = np.array([[0, 0, -1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0.6, 0, -0.8]])
    np.testing.assert_allclose(target.value[0], expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 4), (1, 4, 1)])
def test_edges_are_clipped(shape: tuple[int, ...]) -> None:
    target = labels.edges(np.array([-1, 0.5, 2, np.nan]).reshape(shape))
    assert target.value.tolist() == [[0, 0.5, 1, 0]]
    assert target.valid.tolist() == [[True, True, True, False]]


def wrong(read: Callable[..., RawTarget], stored: Any, message: str, *rest: int) -> Any:
    return pytest.param(read, stored, message, rest, id=message[:40])


@pytest.mark.parametrize(
    ("read", "stored", "message", "rest"),
    [
        wrong(labels.segmentation, np.zeros((2, 2, 3), np.uint8), r"one channel. Found uint8 \(2, 2, 3\)", 40),
        wrong(labels.segmentation, np.full((2, 2), 41, np.uint8), r"0 for void and classes 1 to 40. Found 41", 13),
        wrong(labels.depth, np.zeros((2, 2, 3)), r"shape \(H, W\) or \(H, W, 1\). Found float64 \(2, 2, 3\)"),
        wrong(labels.depth, np.array([["a"]]), r"must hold numbers .* Found <U1 \(1, 1\)"),
        wrong(labels.normals, np.zeros((2, 2)), r"shape \(H, W, 3\). Found float64 \(2, 2\)"),
        wrong(labels.edges, np.zeros(4), r"shape \(H, W\) or \(H, W, 1\). Found float64 \(4,\)"),
    ],
)
def test_an_array_of_the_wrong_kind_is_explained(read: Any, stored: Any, message: str, rest: Any) -> None:
    with pytest.raises(ValueError, match=message):
        read(stored, *rest)
