"""One-to-one matching against scipy's maximum bipartite matching and hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from mstasks_edges.matching import matching_gains


def exact(predicted: NDArray[np.intp], truth: NDArray[np.bool_], radius: float) -> int:
    true = np.argwhere(truth)
    near = ((predicted[:, None] - true[None]) ** 2).sum(-1) <= radius**2
    return int((maximum_bipartite_matching(csr_matrix(near), perm_type="column") >= 0).sum())


def pixels(*places: tuple[int, int]) -> NDArray[np.intp]:
    return np.array(places, np.intp).reshape(-1, 2)


def mask_of(*places: tuple[int, int]) -> NDArray[np.bool_]:
    mask = np.zeros((12, 12), np.bool_)
    for place in places:
        mask[place] = True
    return mask


@pytest.mark.parametrize("radius", [0.5, 1.0, 1.5, 2.3, 4.0])
@pytest.mark.parametrize("density", [0.05, 0.2, 0.5])
def test_every_prefix_has_as_many_pairs_as_the_maximum_matching(radius: float, density: float) -> None:
    generator = np.random.default_rng(round(100 * radius + 10 * density))
    truth = generator.random((30, 36)) < density
    predicted = np.argwhere(generator.random((30, 36)) < density)
    generator.shuffle(predicted)
    gains = matching_gains(predicted, truth, radius)
    assert gains.any()
    for count in range(0, len(predicted) + 1, 7):
        assert gains[:count].sum() == exact(predicted[:count], truth, radius)


def test_a_true_pixel_is_matched_once() -> None:
    assert matching_gains(pixels((5, 5), (5, 6), (5, 4)), mask_of((5, 5)), 1.0).tolist() == [True, False, False]


def test_an_earlier_pixel_gives_way_if_it_has_another_partner() -> None:
    # (5, 5) takes the true pixel under it; (5, 6) reaches only that one, and (5, 5) can move on to (5, 4).
    assert matching_gains(pixels((5, 5), (5, 6)), mask_of((5, 5), (5, 4)), 1.0).tolist() == [True, True]


def test_giving_way_passes_along_a_chain() -> None:
    # A run of eight against the same run shifted by one: matching equal pixels first leaves one over at each end.
    predicted = pixels(*((3, column) for column in range(1, 9)), (3, 0))
    assert matching_gains(predicted, mask_of(*((3, column) for column in range(1, 10))), 1.0).all()


@pytest.mark.parametrize(("radius", "expected"), [(4.99, False), (5.0, True)])
def test_the_radius_is_euclidean_and_inclusive(radius: float, expected: bool) -> None:
    assert matching_gains(pixels((2, 2)), mask_of((5, 6)), radius).tolist() == [expected]


def test_pixels_at_the_border_are_matched() -> None:
    truth = mask_of((0, 0), (11, 11), (0, 11), (11, 0))
    assert matching_gains(pixels((0, 1), (10, 11), (1, 11), (11, 1)), truth, 1.0).all()


def test_the_nearest_side_of_the_image_is_not_the_other_one() -> None:
    assert not matching_gains(pixels((0, 0)), mask_of((11, 11), (0, 11), (11, 0)), 2.0).any()


def test_nothing_matches_nothing() -> None:
    assert matching_gains(pixels(), mask_of((1, 1)), 2.0).tolist() == []
    assert matching_gains(pixels((1, 1)), mask_of(), 2.0).tolist() == [False]
