"""JPEGs at full size are those that Pillow decodes, whoever decodes them, and damage is for Pillow to tell."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from mstasks.data.codecs import decode, opened
from mstasks.data.pictures import read_image, read_picture


def photograph(height: int, width: int) -> Image.Image:
    coarse = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def stored(picture: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, "jpeg", **options)
    return file.getvalue()


def pixels_of(content: bytes, enough: tuple[int, int] | None = None) -> np.ndarray | None:
    file = io.BytesIO(content)
    picture = opened(file)
    assert isinstance(picture, JpegImageFile)
    return decode(picture, file, enough)


KINDS = [
    {"subsampling": subsampling, "quality": quality, "progressive": progressive}
    for subsampling, quality, progressive in itertools.product((0, 1, 2), (30, 92), (False, True))
]


@pytest.mark.parametrize("kind", [*KINDS, {"keep_rgb": True}, {"restart_marker_rows": 1}, {"optimize": True}], ids=str)
@pytest.mark.parametrize("size", [(64, 48), (37, 53), (1, 1), (8, 301)], ids=str)
def test_colours_come_out_as_from_pillow(size: tuple[int, int], kind: dict[str, object]) -> None:
    content = stored(photograph(*size), **kind)
    pixels = pixels_of(content)
    assert pixels is not None
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(io.BytesIO(content))))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_kinds_are_left_to_pillow(mode: str) -> None:
    assert pixels_of(stored(photograph(20, 30).convert(mode))) is None


def test_so_is_what_is_decoded_smaller() -> None:
    content = stored(photograph(64, 48))
    assert pixels_of(content, (24, 32)) is None
    assert pixels_of(content, (25, 32)) is not None


def test_labels_of_three_channels_are_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "normals.jpg"
    path.write_bytes(stored(photograph(30, 20)))
    np.testing.assert_array_equal(read_picture(path), read_image(path))


def test_what_is_damaged_ends_as_pillow_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, generator = stored(photograph(60, 80)), np.random.default_rng(0)
    path = tmp_path / "photograph.jpg"

    def outcome() -> str:
        try:
            return read_image(path).tobytes().hex()
        except ValueError as error:
            return str(error)

    damaged = []
    for _ in range(60):
        broken = bytearray(content)
        broken[generator.integers(700, len(broken))] ^= 1 << generator.integers(8)
        damaged.append(bytes(broken))
    damaged += [content[: generator.integers(700, len(content))] for _ in range(20)]
    outcomes: list[str] = []
    for content in damaged:
        path.write_bytes(content)
        outcomes.append(outcome())

    def refuse(_: bytes) -> None:
        raise ValueError

    monkeypatch.setattr(simplejpeg, "decode_jpeg", refuse)
    for content, ended in zip(damaged, outcomes, strict=True):
        path.write_bytes(content)
        assert outcome() == ended
    assert len({len(ended) > 1000 for ended in outcomes}) == 2  # some are read, and some are not
