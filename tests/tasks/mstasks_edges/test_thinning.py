"""Thinning of soft maps and of masks, by hand and by the properties that define it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mstasks_edges.thinning import skeleton, thin

Mask = NDArray[np.bool_]


def drawing(*rows: str) -> Mask:
    return np.array([[character == "#" for character in row] for row in rows])


def random_mask(seed: int, smoothness: float = 1.5) -> Mask:
    noise = np.random.default_rng(seed).standard_normal((40, 50)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), smoothness) > 0.1)


def components(mask: Mask, connectivity: int = 8) -> int:
    return int(cv2.connectedComponents(mask.astype(np.uint8), connectivity=connectivity)[0])


def holes(mask: Mask) -> int:
    return components(~np.pad(mask, 1), connectivity=4)


THIN = {
    "horizontal": drawing("......", ".####.", "......"),
    "vertical": drawing("...", ".#.", ".#.", ".#.", "..."),
    "diagonal": drawing("#....", ".#...", "..#..", "...#.", "....#"),
    "crossing": drawing("..#..", "..#..", "#####", "..#..", "..#.."),
    "point": drawing("...", ".#.", "..."),
    "to the border": drawing("#####", ".....", "....."),
    "ring": drawing("..##..", ".#..#.", "#....#", ".#..#.", "..##.."),
    "nothing": drawing("....", "...."),
}


@pytest.mark.parametrize("mask", THIN.values(), ids=THIN.keys())
def test_thin_lines_stay_as_they_are(mask: Mask) -> None:
    assert np.array_equal(skeleton(mask), mask)
    assert np.array_equal(thin(mask.astype(np.float32)), mask.astype(np.float32))


@pytest.mark.parametrize("width", [2, 3, 4, 7])
@pytest.mark.parametrize("turned", [False, True])
def test_a_bar_becomes_a_line_in_its_middle(width: int, turned: bool) -> None:
    mask = np.zeros((20, 40), np.bool_)
    mask[6 : 6 + width, 5:35] = True
    line = skeleton(mask.T).T if turned else skeleton(mask)
    inner = line[:, 12:28]
    assert (inner.sum(0) == 1).all()
    assert abs(inner.nonzero()[0].mean() - (6 + (width - 1) / 2)) <= 0.5


@pytest.mark.parametrize("seed", range(5))
def test_a_skeleton_has_the_components_and_holes_of_its_mask(seed: int) -> None:
    mask = random_mask(seed)
    line = skeleton(mask)
    assert components(line) == components(mask)
    assert holes(line) == holes(mask)
    assert (line <= mask).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_skeleton_is_thin_and_final(seed: int) -> None:
    line = skeleton(random_mask(seed))
    full_squares = line[:-1, :-1] & line[:-1, 1:] & line[1:, :-1] & line[1:, 1:]
    assert full_squares.sum() <= 0.01 * line.sum()
    assert np.array_equal(skeleton(line), line)


def profile(centre: float, sigma: float = 1.5, width: int = 24) -> NDArray[np.float32]:
    """A soft vertical line with a Gaussian cross-section, of 30 equal rows."""
    row = np.exp(-0.5 * ((np.arange(width) - centre) / sigma) ** 2)
    return np.tile(row, (30, 1)).astype(np.float32)


@pytest.mark.parametrize("centre", [11.0, 11.2, 11.4])
def test_a_soft_line_comes_down_to_its_crest(centre: float) -> None:
    soft = profile(centre)
    crest = thin(soft)
    rows, columns = crest.nonzero()
    assert (columns == 11).all()
    assert len(rows) >= 28  # an end may lose a pixel
    assert (crest[rows, columns] == soft[rows, columns]).all()


def test_an_even_crest_keeps_one_of_its_two_columns() -> None:
    rows, columns = thin(profile(11.5)).nonzero()
    assert set(columns) <= {11, 12}
    inner = (rows > 1) & (rows < 28)
    assert (np.bincount(rows[inner])[2:] == 1).all()


@pytest.mark.parametrize("angle", [0, 20, 45, 70, 90, 130, 160])
def test_a_soft_line_of_any_direction_becomes_a_thin_line_on_it(angle: int) -> None:
    rows, columns = np.indices((41, 41)) - 20
    direction = np.deg2rad(angle)
    distance = rows * np.cos(direction) - columns * np.sin(direction)
    crest = thin(np.exp(-0.5 * (distance / 1.5) ** 2).astype(np.float32))
    inside = np.hypot(rows, columns) < 17
    assert np.abs(distance[(crest > 0) & inside]).max() <= 0.75
    length = 2 * 17 * max(abs(np.cos(direction)), abs(np.sin(direction)))  # pixels of an 8-connected line
    assert ((crest > 0) & inside).sum() == pytest.approx(length, abs=3)


def test_two_lines_stay_two() -> None:
    columns = thin(profile(8) + 0.5 * profile(14))[15].nonzero()[0]
    assert columns.tolist() == [8, 14]


def test_a_constant_map_keeps_next_to_nothing() -> None:
    crest = thin(np.full((48, 64), 0.3, np.float32))
    assert 0 < (crest > 0).sum() < 48


def test_an_empty_map_stays_empty() -> None:
    assert not thin(np.zeros((5, 6), np.float32)).any()
