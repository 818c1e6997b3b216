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
    target = labels.of_40(np.array([[0, 1, 40, 255]], np.uint8), 40)
    assert target.valid.tolist() == [[False, True, True, False]]
    assert target.value[0, 1:3].tolist() == [0, 39]


@pytest.mark.parametrize(
    ("stored", "name"), [("wall", "wall"), ("floor mat", "floor"), ("desk", "table"), ("blinds", "window")]
)
def test_classes_merge_by_name(stored: str, name: str) -> None:
    picture = np.full((1, 1), NAMES_40.index(stored) + 1, np.uint8)
    assert NAMES_13[labels.of_40(picture, 13).value[0, 0]] == name


def test_every_one_of_the_thirteen_classes_is_made_of_some_of_the_forty() -> None:
    assert len(NAMES_40) == 40
    assert set(MERGED.values()) == set(NAMES_13)
    every = labels.of_40(np.arange(41, dtype=np.uint8)[None], 13)
    assert set(every.value[every.valid].tolist()) == set(range(13))


def test_depth_is_valid_where_it_is_finite_and_positive() -> None:
    target = labels.depth(np.array([[1.5, 0, -1, np.nan, np.inf]]))
    assert target.valid.tolist() == [[True, False, False, False, False]]
    assert target.value.tolist() == [[1.5, 0, 0, 0, 0]]
    assert target.value.dtype == np.float32


def test_labels_of_mtan_count_from_zero_and_minus_one_is_not_valid() -> None:
    target = labels.of_13(np.array([[-1, 0, 12]], np.float32))
    assert target.valid.tolist() == [[False, True, True]]
    assert target.value.tolist() == [[0, 0, 12]]


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint16, np.int64])
def test_class_numbers_may_be_of_any_numeric_type(kind: type[np.generic]) -> None:
    target = labels.of_40(np.array([[0, 1, 40, 255]]).astype(kind), 40)
    assert target.valid.tolist() == [[False, True, True, False]]
    assert target.value[target.valid].tolist() == [0, 39]


@pytest.mark.parametrize(
    ("number", "name"), [(21, "wall"), (5, "chair"), (157, "bed"), (1, "otherprop"), (894, "otherprop")]
)
def test_894_classes_merge_to_forty(number: int, name: str) -> None:
    target = labels.of_894(np.array([[0, number]], np.uint16), 40)
    assert target.valid.tolist() == [[False, True]]
    assert NAMES_40[target.value[0, 1]] == name


def test_894_classes_merge_to_thirteen_through_the_forty() -> None:
    every = np.arange(895, dtype=np.uint16)[None]
    forty, thirteen = labels.of_894(every, 40), labels.of_894(every, 13)
    merged = [NAMES_13.index(MERGED[NAMES_40[index]]) for index in forty.value[forty.valid]]
    assert thirteen.value[thirteen.valid].tolist() == merged
    assert set(forty.value[forty.valid].tolist()) == set(range(40))


@pytest.mark.parametrize("shape", [(1, 4), (1, 4, 1)])
def test_edges_are_clipped(shape: tuple[int, ...]) -> None:
    target = labels.edges(np.array([-1, 0.5, 1.2, np.nan]).reshape(shape))
    assert target.value.tolist() == [[0, 0.5, 1, 0]]
    assert target.valid.tolist() == [[True, True, True, False]]


def test_edges_of_a_picture_are_scaled_to_one() -> None:
    target = labels.edges_picture(np.array([[0, 51, 255]], np.uint8))
    np.testing.assert_allclose(target.value, [[0, 0.2, 1]], atol=1e-7)
    assert target.valid.all()
    assert labels.edges_picture(np.array([[False, True]])).value.tolist() == [[0, 1]]
    assert not labels.edges_picture(np.zeros((2, 2), np.uint8)).value.any()


def wrong(read: Callable[..., RawTarget], stored: Any, message: str, *rest: int) -> Any:
    return pytest.param(read, stored, message, rest, id=message[:40])


@pytest.mark.parametrize(
    ("read", "stored", "message", "rest"),
    [
        wrong(
            labels.of_40, np.zeros((2, 2, 3), np.uint8), r"class numbers of shape \(H, W\). Found uint8 \(2, 2, 3\)", 40
        ),
        wrong(labels.of_40, np.full((2, 2), 41, np.uint8), r"0 or 255 for void and classes 1 to 40. Found 41", 13),
        wrong(labels.of_40, np.full((2, 2), -1), r"0 or 255 for void and classes 1 to 40. Found -1", 40),
        wrong(labels.of_40, np.full((2, 2), 1.5), r"whole numbers of classes. Found 1.5", 40),
        wrong(labels.of_13, np.full((2, 2), np.nan), r"whole numbers of classes. Found nan"),
        wrong(labels.of_13, np.full((2, 2), 13.0), r"-1 for void and classes 0 to 12. Found 13"),
        wrong(labels.of_894, np.full((2, 2), 895, np.uint16), r"0 for void and classes 1 to 894. Found 895", 40),
        wrong(labels.depth, np.zeros((2, 2, 3)), r"shape \(H, W\) or \(H, W, 1\). Found float64 \(2, 2, 3\)"),
        wrong(labels.depth, np.array([["a"]]), r"must hold numbers .* Found <U1 \(1, 1\)"),
        wrong(labels.edges, np.zeros(4), r"shape \(H, W\) or \(H, W, 1\). Found float64 \(4,\)"),
        wrong(labels.edges, np.full((2, 2), 255, np.uint8), r"0 to 1. Found 255; were they scaled to 0..255, divide"),
        wrong(labels.edges_picture, np.eye(2, dtype=np.uint8), r"Found none above 1; store a 0/1 mask as 0 and 255"),
        wrong(labels.edges_picture, np.zeros((2, 2, 3), np.uint8), r"one channel, 0 to 255. Found uint8 \(2, 2, 3\)"),
    ],
)
def test_an_array_of_the_wrong_kind_is_explained(read: Any, stored: Any, message: str, rest: Any) -> None:
    with pytest.raises(ValueError, match=message):
        read(stored, *rest)
