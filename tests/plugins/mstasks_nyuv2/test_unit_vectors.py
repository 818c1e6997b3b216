"""Normals as they are stored, and what only looks like them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mstasks import RawTarget
from mstasks_nyuv2.unit_vectors import normals, normals_picture


def facing(seed: int, height: int = 24, width: int = 32) -> NDArray[np.float64]:
    """Random unit vectors towards the camera."""
    vectors = np.random.default_rng(seed).normal(size=(height, width, 3))
    vectors[..., 2] = -np.abs(vectors[..., 2]) - 0.3
    unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


def encoded(vectors: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint((vectors + 1) * 127.5).astype(np.uint8)


def test_normals_are_made_unit_and_short_ones_are_not_valid() -> None:
    target = normals(np.array([[[0, 0, -1.4], [0, 0, 0], [0.05, 0, 0], [np.nan, 0, 1], [0.6, 0, -0.7]]]))
    assert target.valid.tolist() == [[True, False, False, False, True]]
    long = np.hypot(0.6, 0.7)
    expected = np.array([[0, 0, -1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0.6 / long, 0, -0.7 / long]])
    np.testing.assert_allclose(target.value[0], expected, atol=1e-6)


def test_unit_vectors_that_were_resized_are_still_taken() -> None:
    vectors = facing(0)
    mixed = (vectors[:, 1:] + vectors[:, :-1]) / 2
    target = normals(mixed)
    assert target.valid.mean() > 0.95
    np.testing.assert_allclose(np.linalg.norm(target.value[target.valid], axis=-1), 1, atol=1e-6)


def test_a_picture_without_any_vector_is_taken() -> None:
    assert not normals(np.zeros((2, 2, 3))).valid.any()
    assert not normals_picture(np.full((2, 2, 3), 128, np.uint8)).valid.any()


def test_a_picture_gives_back_what_was_encoded() -> None:
    vectors = facing(1)
    target = normals_picture(encoded(vectors))
    assert target.valid.all()
    np.testing.assert_allclose(target.value, vectors, atol=2 / 255)
    np.testing.assert_allclose(np.linalg.norm(target.value, axis=-1), 1, atol=1e-6)


def test_grey_black_and_white_of_a_picture_are_no_vectors() -> None:
    picture = encoded(facing(2))
    for column, value in enumerate((0, 127, 128, 255)):
        picture[:, column] = value
    target = normals_picture(picture)
    assert not target.valid[:, :4].any()
    assert target.valid[:, 4:].all()
    assert not target.value[:, :4].any()


@pytest.mark.parametrize(
    ("read", "stored", "message"),
    [
        (normals, encoded(facing(3)), r"Found a median length of \d+, as if .* 0..255; decode them by 2 v / 255 - 1"),
        (normals, encoded(facing(3)).astype(np.float32), r"as if they had been encoded to 0..255"),
        (normals, (facing(4) + 1) / 2, r"Found no negative component, as if they had been encoded to 0..1; .* 2 v - 1"),
        (normals, 3 * facing(5), r"Found a median length of 3; decode"),
        (normals, np.zeros((2, 2)), r"shape \(H, W, 3\). Found float64 \(2, 2\)"),
        (normals_picture, encoded(facing(6)).astype(np.uint16), r"8-bit picture of three channels.* Found uint16"),
        (normals_picture, np.zeros((2, 2), np.uint8), r"shape \(H, W, 3\). Found uint8 \(2, 2\)"),
        (normals_picture, encoded(0.3 * facing(7)), r"must hold unit vectors. Found a median length of 0.3"),
    ],
)
def test_what_is_no_unit_vector_is_explained(read: Callable[[Any], RawTarget], stored: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(stored)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_median_length_that_decides(count: int, seed: int) -> None:
    lengths = np.random.default_rng([count, seed]).choice([0.3, 0.49, 0.51, 1, 1.49, 1.51, 3], count).astype(np.float32)
    stored = np.zeros((1, count, 3), np.float32)
    stored[..., 2] = -lengths
    if 0.5 <= np.median(lengths) <= 1.5:
        assert normals(stored).valid.all()
    else:
        with pytest.raises(ValueError, match="median length"):
            normals(stored)


@pytest.mark.parametrize("row", [0, 15, 16, 39])
def test_one_negative_component_anywhere_is_enough(row: int) -> None:
    stored = np.zeros((40, 6, 3), np.float32)
    stored[..., 2] = 1
    with pytest.raises(ValueError, match="no negative component"):
        normals(stored)
    stored[row, 5] = [0.6, 0, -0.8]
    assert normals(stored).valid.all()


def test_some_rows_accept_a_large_array_and_all_of_them_refuse_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mstasks_nyuv2.unit_vectors._ENOUGH", 60)
    stored = np.zeros((40, 6, 3), np.float32)  # every fifth row is looked at first
    stored[..., 2] = -1
    stored[::5, :, 2] = -3
    assert normals(stored).valid.all()  # rows in doubt, but the whole of it is well
    stored[..., 2] = 3
    stored[::5, :, 2] = -1
    assert normals(stored).valid.all()  # those rows are well
    stored[0, 0, 2] = 1
    stored[..., 2] = np.abs(stored[..., 2])
    with pytest.raises(ValueError, match=r"Found a median length of 3"):
        normals(stored)
    stored[..., 2] = 1
    stored[3, 3, 2] = -1
    assert normals(stored).valid.all()  # the only negative one is in another row
    stored[3, 3, 2] = 1
    with pytest.raises(ValueError, match="no negative component"):
        normals(stored)


def test_lengths_of_a_large_array_are_measured_band_by_band(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = normals(facing(3))
    monkeypatch.setattr("mstasks_nyuv2.unit_vectors._BAND", 70)
    np.testing.assert_array_equal(normals(facing(3)).value, whole.value)
