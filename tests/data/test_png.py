"""Label pictures that kornia-rs decodes are those that Pillow decodes; it is asked for no others."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from mstasks.data.pictures import read_picture
from mstasks.data.png import check_png, plain_png


def stored(array: np.ndarray, mode: str | None = None, **options: object) -> io.BytesIO:
    file = io.BytesIO()
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(file, "png", **options)
    file.seek(0)
    return file


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (1, 1), (1, 300, 3)])
def test_grey_and_rgb_of_8_bits_come_out_as_from_pillow(shape: tuple[int, ...]) -> None:
    file = stored(noise(*shape))
    pixels = plain_png(PngImageFile(file), file)
    assert pixels is not None
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(file)))


@pytest.mark.parametrize("mode", ["P", "LA", "RGBA", "1"])
def test_other_kinds_are_left_to_pillow(mode: str) -> None:
    file = stored(noise(6, 6, 3), mode)
    assert plain_png(PngImageFile(file), file) is None


def test_so_is_what_has_a_transparent_colour_16_bits_or_an_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    files = [
        stored(noise(6, 6), transparency=3),
        stored(noise(6, 6).astype(np.uint16) * 99),
        stored(noise(6, 6), exif=exif),
    ]
    assert [plain_png(PngImageFile(file), file) for file in files] == [None] * 3


def test_a_colour_profile_changes_nothing() -> None:
    file = stored(noise(6, 6), icc_profile=b"not one")
    np.testing.assert_array_equal(plain_png(PngImageFile(file), file), noise(6, 6))


def test_without_the_function_pillow_decodes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr("kornia_rs.io.decode_image_png_u8")
    file = stored(noise(6, 6))
    assert plain_png(PngImageFile(file), file) is None
    (tmp_path / "labels.png").write_bytes(file.getvalue())
    np.testing.assert_array_equal(read_picture(tmp_path / "labels.png"), noise(6, 6))


def part(name: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")


def test_what_was_damaged_before_it_was_stored_is_told_by_missing_rows_alone(tmp_path: Path) -> None:
    labels = noise(6, 6)
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in labels))
    start, end = stored(labels).getvalue()[:33], part(b"IEND", b"")
    path = tmp_path / "labels.png"
    path.write_bytes(start + part(b"IDAT", rows[:-1] + bytes([rows[-1] ^ 1])) + end)
    np.testing.assert_array_equal(read_picture(path), labels)
    path.write_bytes(start + part(b"IDAT", zlib.compress(bytes(7 * 5))) + end)
    with pytest.raises(ValueError, match=r"labels.png' cannot be read as a picture: it has fewer rows than it says\."):
        read_picture(path)


def test_a_frame_smaller_than_the_picture_is_refused(tmp_path: Path) -> None:
    whole = stored(noise(6, 6)).getvalue()
    frame = b"".join(number.to_bytes(4, "big") for number in (0, 3, 3, 1, 1)) + bytes(6)
    path = tmp_path / "labels.png"
    path.write_bytes(whole[:33] + part(b"acTL", bytes([0, 0, 0, 1, 0, 0, 0, 0])) + part(b"fcTL", frame) + whole[33:])
    with pytest.raises(ValueError, match=r"cannot be read as a picture: its first frame is smaller than itself\."):
        read_picture(path)


def test_much_besides_pixels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mstasks.data.png._MOST_BESIDE_ALTOGETHER", 1 << 20)
    whole = stored(noise(6, 6)).getvalue()
    check_png(io.BytesIO(whole[:33] + part(b"teSt", bytes(1 << 19)) + whole[33:]))
    with pytest.raises(ValueError, match="it has more than 1 MiB besides pixels"):
        check_png(io.BytesIO(whole[:33] + part(b"teSt", bytes(1 << 19)) * 2 + whole[33:]))


def test_an_orientation_is_undone(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    labels = noise(4, 6)
    path = tmp_path / "turned.png"
    path.write_bytes(stored(labels, exif=exif).getvalue())
    np.testing.assert_array_equal(read_picture(path), np.rot90(labels, -1))


def test_an_orientation_in_xmp_is_undone_too(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", '<x:xmpmeta><rdf:Description tiff:Orientation="3"/></x:xmpmeta>')
    labels = noise(4, 6)
    path = tmp_path / "turned.png"
    path.write_bytes(stored(labels, pnginfo=info).getvalue())
    np.testing.assert_array_equal(read_picture(path), labels[::-1, ::-1])
