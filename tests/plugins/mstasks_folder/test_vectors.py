"""Stored triples become unit vectors, x right, y down, z forward."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from mstasks import RawTarget
from mstasks_folder.dataset import Folder

Make, Save, Read = Callable[..., Folder], Callable[[str, ArrayLike], Path], Callable[..., RawTarget]
UNIT = np.array([[[0.6, 0.0, -0.8], [0.0, -1.0, 0.0], [2 / 3, 1 / 3, 2 / 3]]])


@pytest.fixture
def read(make: Make, save: Save, images: Callable[..., list[str]]) -> Read:
    """What a label file of an image becomes."""

    def label(array: ArrayLike, name: str = "normals/000.npy", encoding: str = "signed", **options: Any) -> RawTarget:
        images(3)
        save(name, array)
        options = {"kind": "vector-map", "encoding": encoding, **options}
        target = make(targets={"normals": options}).target("000", "normals")
        assert target is not None
        return target

    return label


ENCODED: dict[str, tuple[np.ndarray[Any, Any], str, str, float]] = {
    "floats": (UNIT, "normals/000.npy", "signed", 1e-6),
    "bytes": (np.rint((UNIT + 1) / 2 * 255).astype(np.uint8), "normals/000.png", "unsigned", 0.01),
    "deep": (np.rint((UNIT + 1) / 2 * 65535).astype(np.uint16), "normals/000.npy", "unsigned", 1e-4),
    "fractions": ((UNIT + 1) / 2, "normals/000.npy", "unsigned", 1e-6),
}


@pytest.mark.parametrize("case", ENCODED)
def test_every_encoding_gives_the_same_vectors(read: Read, case: str) -> None:
    stored, name, encoding, tolerance = ENCODED[case]
    found = read(stored, name, encoding)
    assert found.value.dtype == np.float32
    assert found.valid.all()
    assert np.abs(found.value - UNIT).max() < tolerance
    assert np.allclose(np.linalg.norm(found.value, axis=2), 1, atol=1e-6)


def test_axes_say_what_points_right_down_and_forward(read: Read) -> None:
    # In the OpenGL convention a floor points to y up, a wall that faces the camera to z towards it.
    floor, wall = [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]
    found = read(np.array([[floor, wall]]), axes=["x", "-y", "-z"])
    assert found.value.tolist() == [[[0, -1, 0], [0, 0, -1]]]
    cyclic = read(np.array([[[0.6, 0.0, 0.8]]]), axes=["z", "-x", "y"])
    assert cyclic.value[0, 0].tolist() == pytest.approx([0.8, -0.6, 0.0])


def test_what_has_no_direction_is_not_valid(read: Read) -> None:
    stored = np.array([[[0, 0, 0], [np.nan, 0, 1], [0, np.inf, 0], [0, 0, 1], [0, 0, 0.3], [0, 0, 3], [1, 0, 0]]], "f")
    found = read(stored, invalid=[[1, 0, 0]])
    assert found.valid.tolist() == [[False, False, False, True, False, False, False]]
    assert found.value[0, 3].tolist() == [0, 0, 1]
    assert (found.value[~found.valid] == 0).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_an_invalid_triple_is_found_in_every_kind_of_float(read: Read, dtype: type[np.floating[Any]]) -> None:
    stored = np.array([[[0.6, 0.0, -0.8], [0.0, 0.6, -0.8], [0.0, 0.0, 1.0]]], dtype)
    found = read(stored, invalid=[[0.6, 0.0, -0.8], [1e9, 0.0, 0.0]])
    assert found.valid.tolist() == [[False, True, True]]


def test_black_and_grey_have_no_direction_in_unsigned_maps(read: Read) -> None:
    stored = np.array([[[0, 0, 0], [128, 128, 128], [127, 127, 127], [128, 128, 255]]], np.uint8)
    assert read(stored, "normals/000.png", "unsigned").valid.tolist() == [[False, False, False, True]]
    assert not read(stored[:, :3], "normals/000.png", "unsigned").valid.any()


def test_vectors_that_resizing_shortened_become_unit(read: Read) -> None:
    stored = np.tile([0.0, 0.0, 1.0], (1, 5, 1))
    stored[0, 0] = [0.5, 0.0, 0.5]
    found = read(stored)
    assert found.value[0, 0].tolist() == pytest.approx([0.5**0.5, 0, 0.5**0.5])


REFUSED = {
    "bytes as signed": (np.full((1, 2, 3), 128, np.uint8), "signed", r"Found uint8, whose 0 to 255 mean .* unsigned`"),
    "float bytes": (
        np.tile([128.0, 128.0, 255.0], (1, 2, 1)),
        "signed",
        r"'.*normals.000.npy' must hold vectors of length 1\. Found a median length of 313, .* like bytes written",
    ),
    "fractions as signed": (
        (np.tile([0.0, 0.0, 1.0], (1, 2, 1)) + 1) / 2,
        "signed",
        r"Found a median length of 1\.22, and none of its numbers is negative\. It looks like `encoding: unsigned`",
    ),
    "tiny": (np.tile([0.0, 0.001, -0.001], (1, 2, 1)), "signed", r"Found a median length of 0\.00141\.$"),
    "signed as fractions": (
        UNIT,
        "unsigned",
        r"floats from 0 to 1 with .* Found -1 to 0\.66.*; this looks like `encoding: signed`",
    ),
    "float bytes as fractions": (
        np.tile([128.0, 128.0, 255.0], (1, 2, 1)),
        "unsigned",
        r"from 0 to 1 with `encoding: unsigned`\. Found 0 to 255\.$",
    ),
    "photograph": (np.full((1, 2, 3), 250, np.uint8), "unsigned", r"Found a median length of 1\.66"),
    "int64": (np.ones((1, 2, 3), np.int64), "unsigned", r"uint8, uint16 or floats .*\. Found int64"),
    "plane": (np.ones((4, 6)), "signed", r"three numbers a pixel, \(H, W, 3\)\. Found float64 \(4, 6\)"),
    "channels first": (np.ones((3, 4, 6)), "signed", r"Found float64 \(3, 4, 6\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_was_not_declared_is_refused_by_name(read: Read, case: str) -> None:
    array, encoding, text = REFUSED[case]
    with pytest.raises(ValueError, match=text):
        read(array, encoding=encoding)
