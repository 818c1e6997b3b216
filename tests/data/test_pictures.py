"""Photographs come as RGB, upright; labels as they are stored; what cannot be read is named with the reason."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mstasks import read_image, read_picture


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16"])
def test_images_of_any_mode_are_read_as_rgb(tmp_path: Path, mode: str) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    image = (
        Image.fromarray(np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000)
        if mode == "I;16"
        else Image.new(mode, (8, 6))
    )
    image.save(tmp_path / f"i.{suffix}")
    assert read_image(tmp_path / f"i.{suffix}").shape == (6, 8, 3)


def test_sixteen_bits_are_scaled_not_cut_off(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 32768, 65535]], dtype=np.uint16)).save(tmp_path / "i.png")
    assert read_image(tmp_path / "i.png")[0, :, 0].tolist() == [0, 128, 255]


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 6))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "r.jpg", exif=exif)
    assert read_image(tmp_path / "r.jpg").shape == (8, 6, 3)


def test_a_broken_image_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not an image")
    with pytest.raises(
        ValueError, match=r"text.jpg' cannot be read as a picture: it is no picture of a known format: JPEG"
    ):
        read_image(tmp_path / "text.jpg")
    with pytest.raises(ValueError, match=r"There is no '.*gone.jpg'"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(ValueError, match="is a folder, where a file is expected"):
        read_image(tmp_path)
    image = Image.effect_noise((64, 64), 90).convert("RGB")
    image.save(tmp_path / "cut.jpg")
    content = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="truncated"):
        read_image(tmp_path / "cut.jpg")


def photograph(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth, and unlike itself in any mirror."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 200 / width + 20, y * 230 / height, 240 - (x + y) * 200 / (height + width)], -1).astype(
        np.uint8
    )


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize(("at_least", "shape"), [((60, 80), (60, 80)), ((61, 80), (120, 160)), ((500, 10), (480, 640))])
def test_a_jpeg_is_decoded_as_small_as_is_enough(
    tmp_path: Path, at_least: tuple[int, int], shape: tuple[int, int]
) -> None:
    Image.fromarray(photograph(480, 640)).save(tmp_path / "i.jpg", quality=95)
    found = read_image(tmp_path / "i.jpg", at_least)
    assert found.shape == (*shape, 3)
    assert np.abs(found - photograph(*shape).astype(int)).mean() < 2


def test_a_turned_jpeg_is_decoded_as_small_as_is_enough_when_upright(tmp_path: Path) -> None:
    stored = Image.fromarray(photograph(640, 240)).transpose(Image.Transpose.ROTATE_90)
    stored.save(tmp_path / "i.jpg", quality=95, exif=exif(6))
    found = read_image(tmp_path / "i.jpg", (160, 60))
    assert found.shape == (160, 60, 3)
    assert np.abs(found - photograph(160, 60).astype(int)).mean() < 2


@pytest.mark.parametrize("tags", [Image.Exif(), exif(6)])
def test_a_photograph_of_60_million_pixels_is_read_if_less_is_enough(tmp_path: Path, tags: Image.Exif) -> None:
    Image.new("L", (10_000, 6_000), 99).save(tmp_path / "i.jpg", exif=tags)
    assert min(read_image(tmp_path / "i.jpg", (700, 700)).shape[:2]) == 750
    with pytest.raises(ValueError, match=r"it is 10000 x 6000, more than the 48 million pixels .*\. Make it smaller\."):
        read_image(tmp_path / "i.jpg")


@pytest.mark.parametrize(("mode", "most"), [("L", 48), ("RGB", 40), ("CMYK", 32)])
def test_one_in_several_passes_is_not_because_it_is_held_at_full_size(tmp_path: Path, mode: str, most: int) -> None:
    Image.new(mode, (10_000, 6_000), 99).save(tmp_path / "i.jpg", progressive=True)
    with pytest.raises(ValueError, match=f"it is 10000 x 6000, more than the {most} million"):
        read_image(tmp_path / "i.jpg", (700, 700))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_missing_data_do_not_become_grey_and_grey_is_not_missing(tmp_path: Path, mode: str, progressive: bool) -> None:
    half = photograph(240, 320)
    half[120:] = 128
    for name, array in (("half", half), ("grey", np.full_like(half, 128)), ("whole", photograph(240, 320))):
        Image.fromarray(array).convert(mode).save(tmp_path / f"{name}.jpg", progressive=progressive)
        assert read_image(tmp_path / f"{name}.jpg").shape == (240, 320, 3)
        assert read_image(tmp_path / f"{name}.jpg", (30, 40)).shape == (30, 40, 3)
    content = (tmp_path / "whole.jpg").read_bytes()
    scan = content.index(b"\xff\xda")
    cut = content[: scan + (_first_scan(content, scan) - scan) // 2] + b"\xff\xd9"
    (tmp_path / "cut.jpg").write_bytes(cut)
    with Image.open(tmp_path / "cut.jpg") as picture:
        picture.load()  # without a word; else the next lines would check nothing
    for at_least in (None, (30, 40)):
        with pytest.raises(ValueError, match=r"cut.jpg' cannot be read as a picture: it is cut short\."):
            read_image(tmp_path / "cut.jpg", at_least)


def _first_scan(content: bytes, start: int) -> int:
    """Where the first scan ends: at a marker that is neither stuffing nor a restart."""
    place = start + 2
    while content[place] != 0xFF or content[place + 1] in (0, *range(0xD0, 0xD8)):
        place += 1
    return place


def test_a_jpeg_whose_rest_is_zeros_is_cut_short(tmp_path: Path) -> None:
    Image.fromarray(photograph(240, 320)).save(tmp_path / "i.jpg")
    content = (tmp_path / "i.jpg").read_bytes()
    (tmp_path / "i.jpg").write_bytes(content[: len(content) // 2] + bytes(200_000))
    with pytest.raises(ValueError, match="it is cut short"):
        read_image(tmp_path / "i.jpg")
    (tmp_path / "i.jpg").write_bytes(content + bytes(200_000))
    assert read_image(tmp_path / "i.jpg").shape == (240, 320, 3)


@pytest.mark.parametrize("height", [5, 700, 701])
def test_large_pictures_are_put_together_from_bands(tmp_path: Path, height: int) -> None:
    array = np.random.default_rng(0).integers(0, 256, (height, 6000), np.uint8)
    Image.fromarray(array).save(tmp_path / "i.png", compress_level=0)
    assert np.array_equal(read_picture(tmp_path / "i.png"), array)
    assert np.array_equal(read_image(tmp_path / "i.png"), np.repeat(array[..., None], 3, axis=2))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.bool_])
def test_labels_come_as_they_are_stored(tmp_path: Path, dtype: type[np.generic]) -> None:
    array = np.random.default_rng(0).integers(0, 2 if dtype is np.bool_ else 256, (30, 40)).astype(dtype)
    Image.fromarray(array).save(tmp_path / "l.png")
    found = read_picture(tmp_path / "l.png")
    assert found.dtype == dtype
    assert np.array_equal(found, array)
    assert found.flags.writeable


def test_numbers_come_in_the_byte_order_of_this_machine(tmp_path: Path) -> None:
    array = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    big = b"MM\0*" + (8).to_bytes(4, "big") + (8).to_bytes(2, "big")
    for tag, kind, value in ((256, 3, 40), (257, 3, 30), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 200), (277, 3, 1), (279, 4, 2400)):  # fmt: skip
        big += tag.to_bytes(2, "big") + kind.to_bytes(2, "big") + (1).to_bytes(4, "big")
        big += value.to_bytes(2, "big") + b"\0\0" if kind == 3 else value.to_bytes(4, "big")
    (tmp_path / "d.tif").write_bytes(big.ljust(200, b"\0") + array.astype(">u2").tobytes())
    found = read_picture(tmp_path / "d.tif")
    assert found.dtype == np.dtype(np.uint16)
    assert np.array_equal(found, array)


def test_a_damaged_png_is_refused_by_its_checksum(tmp_path: Path) -> None:
    Image.fromarray(photograph(30, 40)).save(tmp_path / "l.png")
    content = bytearray((tmp_path / "l.png").read_bytes())
    content[content.index(b"IDAT") + 1 + 4 + 100] ^= 1
    (tmp_path / "l.png").write_bytes(content)
    for read in (read_picture, read_image):
        with pytest.raises(
            ValueError, match=r"l.png' .*: the checksum of its part b'IDAT' is wrong, so it was damaged\."
        ):
            read(tmp_path / "l.png")


def test_pictures_are_read_in_threads_and_filters_of_warnings_stay(tmp_path: Path) -> None:
    for number in range(8):
        Image.fromarray(photograph(60, 80) // (number + 1)).save(tmp_path / f"{number}.png")
    paths = [tmp_path / f"{number % 8}.png" for number in range(64)]
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read_image, paths))
    assert warnings.filters == before
    for number, image in enumerate(found):
        assert np.array_equal(image, photograph(60, 80) // (number % 8 + 1))


def test_a_file_is_told_by_its_content_not_by_its_name(tmp_path: Path) -> None:
    Image.fromarray(photograph(30, 40)).save(tmp_path / "i", format="PNG")
    (tmp_path / "i").rename(tmp_path / "i.jpg")
    assert np.array_equal(read_image(tmp_path / "i.jpg"), photograph(30, 40))
