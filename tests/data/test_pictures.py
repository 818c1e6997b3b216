"""Photographs come as RGB, upright; labels as they are stored; what cannot be read is named with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mstasks.data.pictures import read_image


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
    with pytest.raises(ValueError, match=r"text.jpg' cannot be read as a picture: it is no picture of a known format: JPEG"):
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
