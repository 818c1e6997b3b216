"""Stored values and colours become the classes that the recipe declares, and nothing else passes."""

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

Make, Save = Callable[..., Folder], Callable[[str, ArrayLike], Path]


@pytest.fixture
def read(make: Make, save: Save, images: Callable[..., list[str]]) -> Callable[..., RawTarget]:
    """What a label file of an image becomes."""

    def label(array: ArrayLike, name: str = "seg/000.png", **options: Any) -> RawTarget:
        images(3)
        save(name, array)
        target = make(targets={"seg": {"kind": "label-map", **options}}).target("000", "seg")
        assert target is not None
        return target

    return label


Read = Callable[..., RawTarget]


def test_names_count_up_from_first(read: Read) -> None:
    found = read(np.array([[0, 1], [2, 255]], np.uint8), names=["a", "b"], first=1, invalid=[0, 255])
    assert found.value[found.valid].tolist() == [0, 1]
    assert found.valid.tolist() == [[False, True], [True, False]]


def test_values_are_merged_into_classes_in_the_order_of_the_recipe(read: Read) -> None:
    stored = np.array([[7, 0, 8, 300]], np.uint16)
    found = read(stored, values={"road": [7, 8], "sky": 0, "car": 300})
    assert found.value.tolist() == [[0, 1, 0, 2]]
    assert found.valid.all()


def test_negative_values_of_arrays_may_be_invalid(read: Read) -> None:
    found = read(np.array([[-1, 0], [1, -1]], np.int64), "seg/000.npy", names=["a", "b"], invalid=[-1])
    assert found.valid.tolist() == [[False, True], [True, False]]
    assert found.value[found.valid].tolist() == [0, 1]


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp", "npy", "PNG"])
def test_every_lossless_format_gives_the_same_classes(read: Read, suffix: str) -> None:
    stored = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    assert read(stored, f"seg/000.{suffix}", names=["a", "b", "c"]).value.tolist() == stored.tolist()


def test_grey_that_was_saved_as_rgb_or_with_alpha_is_grey(read: Read) -> None:
    stored = np.array([[0, 255]], np.uint8)
    options = {"values": {"off": 0, "on": 255}}
    rgb = np.repeat(stored[..., None], 3, axis=2)
    assert read(rgb, **options).value.tolist() == [[0, 1]]
    assert read(np.dstack([rgb, np.full((1, 2), 9, np.uint8)]), **options).value.tolist() == [[0, 1]]


def test_a_palette_pictures_numbers_count(read: Read, tmp_path: Path) -> None:
    read(np.zeros((1, 2), np.uint8), names=["a", "b"])
    picture = Image.new("P", (2, 1))
    picture.putpalette([200, 0, 0, 0, 0, 99])
    picture.putpixel((1, 0), 1)
    picture.save(tmp_path / "seg" / "000.png")
    assert read(np.zeros((1, 2), np.uint8), "other/000.png", names=["a", "b"]).value.tolist() == [[0, 1]]


def test_colours_are_classes(read: Read) -> None:
    stored = np.array([[[255, 0, 0], [0, 0, 255]], [[0, 0, 0], [255, 0, 0]]], np.uint8)
    found = read(stored, colours={"blue": [0, 0, 255], "red": [255, 0, 0]}, invalid_colours=[[0, 0, 0]])
    assert found.value[found.valid].tolist() == [1, 0, 1]
    assert found.valid.tolist() == [[True, True], [False, True]]


def test_many_classes_keep_their_numbers(read: Read) -> None:
    stored = np.arange(1000, dtype=np.uint16).reshape(10, 100)
    assert read(stored, names=[f"c{i}" for i in range(1000)]).value.tolist() == stored.tolist()


REFUSED = {
    "unknown": (
        np.array([[0, 9, 9], [1, 4, 9]], np.uint8),
        {"names": ["a", "b"], "invalid": [255]},
        r"'.*seg.000.npy' holds values that are neither a class nor in `invalid`: 9 at 3 pixels, 4 at 1 pixels\. "
        r"Declared are 0, 1, 255\.$",
    ),
    "far": (
        np.array([[0, 2**40]], np.int64),
        {"names": ["a"]},
        r"neither a class nor in `invalid`: 1099511627776 at 1 pixels\. Declared are 0",
    ),
    "negative": (np.array([[0, -5]], np.int16), {"names": ["a"]}, r"-5 at 1 pixels"),
    "unsigned": (np.array([[2**63]], np.uint64), {"values": {"a": -1}}, r"9223372036854775808 at 1 pixels"),
    "colour": (
        np.array([[[1, 2, 3], [255, 0, 0]]], np.uint8),
        {"colours": {"red": [255, 0, 0]}},
        r"colours that are neither in `colours` nor in `invalid_colours`: \[1, 2, 3\] at 1 pixels",
    ),
    "grey": (
        np.zeros((2, 3), np.uint8),
        {"colours": {"red": [255, 0, 0]}},
        r"must be a picture of 8-bit colours\. Found uint8 \(2, 3\); a palette picture's numbers are declared with",
    ),
    "rgb": (
        np.array([[[1, 2, 3]]], np.uint8),
        {"names": ["a"]},
        r"one number a pixel\. Found uint8 \(1, 1, 3\) with channels that differ\. A picture that codes .* `colours`",
    ),
    "floats": (np.zeros((2, 3)), {"names": ["a"]}, r"must hold whole numbers, one a class\. Found float64 \(2, 3\)"),
    "empty": (np.zeros((0, 3), np.uint8), {"names": ["a"]}, r"'.*seg.000.npy' cannot be read .*\(0, 3\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_declared_is_refused_by_name(read: Read, case: str) -> None:
    array, options, text = REFUSED[case]
    with pytest.raises(ValueError, match=text):
        read(array, "seg/000.npy", **options)


@pytest.mark.parametrize("name", ["seg/000.jpg", "seg/000.png"])
def test_a_jpeg_is_refused_with_the_reason_whatever_it_is_called(read: Read, tmp_path: Path, name: str) -> None:
    (tmp_path / "seg").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / name, format="JPEG")
    with pytest.raises(ValueError, match=r"'.*seg.000.* is a JPEG, whose lossy compression mixes .* again as PNG"):
        read(np.zeros((1, 1), np.uint8), "elsewhere/000.png", names=["a"])


WEBPS = {
    "plain": ("RGB", {}),
    "alpha": ("RGBA", {}),
    "profile": ("RGB", {"icc_profile": b"profile of odd size" * 11}),
    "profile and alpha": ("RGBA", {"icc_profile": b"profile of odd size" * 11}),
}


def webp(path: Path, case: str, **options: Any) -> None:
    mode, more = WEBPS[case]
    picture = Image.new("RGB", (8, 8)).convert(mode)
    if mode == "RGBA":
        picture.putpixel((0, 0), (0, 0, 0, 99))
    path.parent.mkdir()
    picture.save(path, **more, **options)


@pytest.mark.parametrize("case", WEBPS)
def test_a_lossless_webp_is_read_whatever_comes_before_its_pixels(read: Read, tmp_path: Path, case: str) -> None:
    webp(tmp_path / "seg" / "000.webp", case, lossless=True, exact=True)
    assert (read(np.zeros((1, 1), np.uint8), "elsewhere/000.png", names=["a"]).value == 0).all()


@pytest.mark.parametrize("case", WEBPS)
def test_a_lossy_webp_is_refused(read: Read, tmp_path: Path, case: str) -> None:
    webp(tmp_path / "seg" / "000.webp", case, quality=80)
    with pytest.raises(ValueError, match=r"is a lossy WebP"):
        read(np.zeros((1, 1), np.uint8), "elsewhere/000.png", names=["a"])


@pytest.mark.parametrize("name", ["seg/000.tif", "seg/000.png"])
def test_a_tiff_with_jpeg_inside_is_refused_whatever_it_is_called(read: Read, tmp_path: Path, name: str) -> None:
    (tmp_path / "seg").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / name, format="TIFF", compression="tiff_jpeg")
    with pytest.raises(ValueError, match=r"is a TIFF compressed as JPEG, whose lossy compression"):
        read(np.zeros((1, 1), np.uint8), "elsewhere/000.png", names=["a"])


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_a_lossless_tiff_is_read(read: Read, tmp_path: Path, compression: str) -> None:
    (tmp_path / "seg").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "seg" / "000.tif", compression=compression)
    assert (read(np.zeros((1, 1), np.uint8), "elsewhere/000.png", names=["a"]).value == 0).all()


def test_a_tiff_that_claims_too_much_is_refused_by_name(read: Read, tmp_path: Path) -> None:
    (tmp_path / "seg").mkdir()
    path = tmp_path / "seg" / "000.tif"
    Image.new("L", (8, 8)).save(path)
    content = bytearray(path.read_bytes())
    start = int.from_bytes(content[4:8], "little")
    for entry in range(start + 2, start + 2 + 12 * int.from_bytes(content[start : start + 2], "little"), 12):
        if int.from_bytes(content[entry : entry + 2], "little") in (256, 257):  # width, height
            content[entry + 2 : entry + 12] = b"\4\0\1\0\0\0" + (20000).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"000.tif' cannot be read as a picture"):
        read(np.zeros((1, 1), np.uint8), "elsewhere/000.png", names=["a"])
