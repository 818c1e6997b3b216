"""One stored number a pixel becomes metres, or a number in [0, 1]; what is none is not valid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike
from PIL import Image

from mstasks import RawTarget
from mstasks_folder.dataset import Folder

Make, Save, Read = Callable[..., Folder], Callable[[str, ArrayLike], Path], Callable[..., RawTarget]


@pytest.fixture
def read(make: Make, save: Save, images: Callable[..., list[str]]) -> Read:
    """What a label file of an image becomes."""

    def label(array: ArrayLike, name: str = "map/000.npy", **options: Any) -> RawTarget:
        images(3)
        save(name, array)
        target = make(targets={"map": options}).target("000", "map")
        assert target is not None
        return target

    return label


def test_millimetres_become_metres(read: Read) -> None:
    found = read(
        np.array([[0, 1, 2500, 65535]], np.uint16), "map/000.png", kind="depth-map", unit="millimetres", invalid=[65535]
    )
    assert found.value.dtype == np.float32
    assert found.valid.tolist() == [[False, True, True, False]]
    assert found.value[found.valid].tolist() == np.array([0.001, 2.5], np.float32).tolist()


def test_a_scale_and_a_unit_say_the_same(read: Read) -> None:
    stored = np.array([[7, 123]], np.int32)
    by_scale = read(stored, kind="depth-map", scale=0.01)
    by_unit = read(stored, kind="depth-map", unit="centimetres")
    assert by_scale.value.tolist() == by_unit.value.tolist() == np.array([[0.07, 1.23]], np.float32).tolist()


def test_what_is_no_distance_is_not_valid(read: Read) -> None:
    stored = np.array([[np.nan, np.inf, -np.inf, -1.0, 0.0, 10.0, 3.5, 1e300]])
    found = read(stored, kind="depth-map", unit="metres", invalid=[10])
    assert found.valid.tolist() == [[False, False, False, False, False, False, True, False]]
    assert found.value.tolist() == [[0, 0, 0, 0, 0, 0, 3.5, 0]]


def test_invalid_values_are_compared_before_scaling(read: Read) -> None:
    found = read(np.array([[1000, 1, 2]], np.uint16), kind="depth-map", unit="millimetres", invalid=[1])
    assert found.valid.tolist() == [[True, False, True]]


def test_an_invalid_value_with_a_fraction_is_found_in_float32(read: Read) -> None:
    assert read(np.array([[0.1, 0.2]], np.float32), kind="depth-map", unit="metres", invalid=[0.1]).valid.tolist() == [
        [False, True]
    ]


def test_depth_in_a_jpeg_is_refused_and_edges_are_not(read: Read, tmp_path: Path) -> None:
    (tmp_path / "map").mkdir()
    Image.new("L", (6, 4), 255).save(tmp_path / "map" / "000.jpg")
    with pytest.raises(ValueError, match=r"'.*map.000.jpg' is a JPEG"):
        read(np.zeros((1, 1)), "elsewhere/000.npy", kind="depth-map", unit="metres")
    assert (read(np.zeros((1, 1)), "elsewhere/000.npy", kind="scalar-map", range=[0, 255]).value == 1).all()


def test_a_range_is_brought_to_zero_and_one(read: Read) -> None:
    stored = np.array([[0, 51, 255]], np.uint8)
    assert read(stored, kind="scalar-map", range=[0, 255]).value.tolist() == np.array([[0, 0.2, 1]], "f").tolist()
    assert read(stored, kind="scalar-map", range=[255, 0]).value.tolist() == np.array([[1, 0.8, 0]], "f").tolist()


def test_booleans_are_zero_and_one(read: Read) -> None:
    assert read(np.array([[True, False]]), kind="scalar-map").value.tolist() == [[1, 0]]


def test_numbers_that_are_not_finite_or_declared_invalid_are_not_valid(read: Read) -> None:
    found = read(np.array([[np.nan, np.inf, 0.5, 9.0]], "f"), kind="scalar-map", invalid=[9])
    assert found.valid.tolist() == [[False, False, True, False]]
    assert np.isfinite(found.value).all()
    assert found.value[0, 2] == 0.5


def test_rounding_beyond_the_range_is_clipped(read: Read) -> None:
    assert read(np.array([[1.0000002, -1e-7]]), kind="scalar-map").value.tolist() == [[1, 0]]


REFUSED = {
    "bytes": (
        np.array([[0, 255, 255]], np.uint8),
        {"kind": "scalar-map"},
        r"'.*map.000.npy' must lie within `range`, 0 to 1\. Found 255; 2 pixels lie outside\. If the numbers go to "
        r"255, set `range: \[0, 255\]`",
    ),
    "deep": (np.array([[9]], np.uint16), {"kind": "scalar-map"}, r"set `range: \[0, 65535\]`"),
    "below": (np.array([[-0.5, 0.5]]), {"kind": "scalar-map"}, r"Found -0\.5; 1 pixels lie outside\.$"),
    "triples": (
        np.arange(6.0).reshape(1, 2, 3),
        {"kind": "depth-map", "unit": "metres"},
        r"one number a pixel\. Found float64 \(1, 2, 3\) with channels that differ",
    ),
    "stack": (np.ones((2, 2, 2, 1)), {"kind": "depth-map", "unit": "metres"}, r"Found float64 \(2, 2, 2, 1\)\.$"),
    "booleans": (
        np.ones((2, 2), bool),
        {"kind": "depth-map", "unit": "metres"},
        r"must hold numbers\. Found bool \(2, 2\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_was_not_declared_is_refused_by_name(read: Read, case: str) -> None:
    array, options, text = REFUSED[case]
    with pytest.raises(ValueError, match=text):
        read(array, **options)
