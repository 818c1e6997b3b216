"""Opening pictures that someone else made: what they claim is checked before anything is decoded."""

from __future__ import annotations

import logging
import re
import warnings
from typing import BinaryIO

from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from mstasks.data.files import reason
from mstasks.data.jpeg import decode_jpeg
from mstasks.data.pixels import MAX_PIXELS, check_pixels, load_pixels
from mstasks.data.png import check_png, decode_png

MAX_BYTES = 256 << 20
"""The file of a picture may have so many bytes."""

_MOST = {"WEBP": 24_000_000, "TIFF": 32_000_000}  # their decoders keep several copies
_MOST_BY_PYTHON = 4_000_000  # at some microseconds a pixel
_UNPACKERS = {"raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "jpeg", "group3", "group4"}

# By their first bytes, not by name, and without Pillow's own search: that would also try formats that are handed to
# programs outside, and take photographs with a second picture behind the first, as phones make them, for animations.
_FORMATS: tuple[tuple[re.Pattern[bytes], type[ImageFile]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), JpegImageFile),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), PngImageFile),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), WebPImageFile),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), TiffImageFile),
    (re.compile(rb"BM"), BmpImageFile),
    (re.compile(rb"P[1-6f]\s"), PpmImageFile),
    (re.compile(rb"GIF8[79]a"), GifImageFile),
)

# Of odd metadata, which does not matter. For good, not by `catch_warnings`: that is not safe with threads.
warnings.filterwarnings("ignore", module=r"PIL\.(Png|Tiff)ImagePlugin")
logging.getLogger("PIL").addHandler(logging.NullHandler())


def opened(file: BinaryIO) -> ImageFile:
    """The single picture in a file, not yet decoded; its size not yet checked.

    Raises:
        ValueError: If the file is not of a known format, too large, moves, has several pages, or is packed in a way
            that is not safe to unpack.
    """
    start = file.read(32)
    kind = next((kind for pattern, kind in _FORMATS if pattern.match(start)), None)
    if kind is None:
        names = ", ".join(kind.format or "" for _, kind in _FORMATS)
        found = f"It begins with {start!r}" if start else "It is empty"
        raise ValueError(f"it is no picture of a known format: {names}. {found}")
    if file.seek(0, 2) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES >> 20} MiB")
    if kind is WebPImageFile:
        _check_webp(start, file.tell())
    if kind is PngImageFile:
        check_png(file)
    file.seek(0)
    try:
        picture = kind(file)
        moves = getattr(picture, "is_animated", False)  # a GIF looks for a second picture now
    except Exception as error:
        raise ValueError(f"it is a damaged {kind.format}: {reason(error)}") from error
    if moves:
        raise ValueError("it holds several pictures, not one")
    _check_packing(picture)
    return picture


def decode(picture: ImageFile, file: BinaryIO, enough: tuple[int, int] | None = None) -> None:
    """Decode a picture that was just opened.

    Args:
        picture: From `opened`.
        file: What it was opened from.
        enough: Width and height, as stored, that are enough for a JPEG; see `decode_jpeg`.

    Raises:
        ValueError: If it has too many pixels, is cut short, or is damaged.
    """
    if isinstance(picture, JpegImageFile):
        decode_jpeg(picture, file, enough)
        return
    slow = picture.tile and picture.tile[0][0] in ("ppm", "ppm_plain")
    check_pixels(*picture.size, _MOST_BY_PYTHON if slow else _MOST.get(picture.format or "", MAX_PIXELS))
    if isinstance(picture, PngImageFile):
        decode_png(picture, file)
    else:
        load_pixels(picture)


def _check_webp(start: bytes, size: int) -> None:
    """Hold a WEBP to its size: the decoder makes room for all of it as soon as it is opened."""
    if int.from_bytes(start[4:8], "little") + 8 > size:
        raise ValueError("it is cut short")
    width = height = 0
    if start[12:16] == b"VP8X":
        width, height = (int.from_bytes(start[at : at + 3], "little") + 1 for at in (24, 27))
    elif start[12:16] == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif start[12:16] == b"VP8 ":
        width, height = (int.from_bytes(start[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    check_pixels(width, height, _MOST["WEBP"])


def _check_packing(picture: ImageFile) -> None:
    if picture.format == "BMP" and picture.tile[0][0] == "bmp_rle":
        raise ValueError("it is a run-length coded BMP. Save it as PNG")
    if picture.format == "TIFF":
        packing = picture.info.get("compression")
        if packing not in _UNPACKERS:
            raise ValueError(f"it is a TIFF packed by {packing}. Known are {', '.join(sorted(_UNPACKERS))}")
        covered = [tile[1] for tile in picture.tile if tile[1]]
        if max(box[2] for box in covered) * max(box[3] for box in covered) < picture.width * picture.height:
            raise ValueError("it has fewer rows than it says")
