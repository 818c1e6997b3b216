"""Edges of label maps, against the definition written out pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from mstasks_nyuv2.derive_edges import edges_from_labels


def test_an_edge_is_the_first_pixel_of_a_class_from_the_left_and_from_above() -> None:
    labels = np.array([[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 3, 3]], np.uint8)
    edges, valid = edges_from_labels(labels, np.ones((3, 4), np.bool_))
    assert edges.dtype == np.float32
    assert edges.tolist() == [[0, 0, 1, 0], [0, 0, 1, 0], [1, 1, 1, 1]]
    assert valid.all()


def test_void_makes_no_edge_and_what_it_may_hide_is_not_valid() -> None:
    labels = np.array([[1, 0, 2, 2], [1, 0, 2, 3]], np.uint8)
    edges, valid = edges_from_labels(labels, labels > 0)
    assert edges.tolist() == [[0, 0, 0, 0], [0, 0, 0, 1]]
    assert valid.tolist() == [[True, False, False, True], [True, False, False, True]]


def test_a_known_edge_beside_void_is_valid() -> None:
    labels = np.array([[1, 0], [1, 2]], np.uint8)
    edges, valid = edges_from_labels(labels, labels > 0)
    assert edges[1, 1] == 1
    assert valid[1, 1]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_random_maps_agree_with_the_definition(dtype: type[np.integer]) -> None:
    random = np.random.default_rng(0)
    labels, labelled = random.integers(0, 3, (20, 25)).astype(dtype), random.random((20, 25)) < 0.8
    edges, valid = edges_from_labels(labels, labelled)
    for row, column in np.ndindex(labels.shape):
        before = [(row - 1, column), (row, column - 1)]
        before = [place for place in before if min(place) >= 0]
        differ = any(labelled[place] and labels[place] != labels[row, column] for place in before)
        edge = bool(labelled[row, column] and differ)
        assert edges[row, column] == edge
        assert valid[row, column] == (edge or (labelled[row, column] and all(labelled[place] for place in before)))


def test_what_void_is_called_does_not_matter() -> None:
    random = np.random.default_rng(1)
    labels, labelled = random.integers(0, 4, (12, 9)), random.random((12, 9)) < 0.6
    renamed = np.where(labelled, labels, 255)
    for one, other in zip(edges_from_labels(labels, labelled), edges_from_labels(renamed, labelled), strict=True):
        assert np.array_equal(one, other)


def test_the_maps_given_are_left_as_they_are() -> None:
    labels, labelled = np.arange(12).reshape(3, 4), np.eye(3, 4) > 0
    kept = labels.copy(), labelled.copy()
    edges_from_labels(labels, labelled)
    assert np.array_equal(labels, kept[0])
    assert np.array_equal(labelled, kept[1])


@pytest.mark.parametrize("size", [(0, 0), (1, 1), (1, 4)])
def test_small_maps(size: tuple[int, int]) -> None:
    edges, valid = edges_from_labels(np.zeros(size, np.uint8), np.ones(size, np.bool_))
    assert edges.shape == valid.shape == size
    assert not edges.any()
    assert valid.all()


def test_maps_of_unlike_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`labels` and `valid` must be \(H, W\) both. Found \(4, 5\) and \(5, 4\)"):
        edges_from_labels(np.ones((4, 5), np.uint8), np.ones((5, 4), np.bool_))
