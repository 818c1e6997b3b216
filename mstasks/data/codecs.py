"""Opening pictures that someone else made: what they claim is checked before anything is decoded."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.PpmImagePlugin import PpmImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from mstasks.data.claims import check_ppm, check_tiff, check_webp
from mstasks.data.files import reason
from mstasks.data.jpeg import check_jpeg, decode_jpeg
from mstasks.data.pixels import MAX_PIXELS, RefusedError, check_pixels, load_pixels
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

_CHECKS: dict[type[ImageFile], Callable[[BinaryIO], None]] = {
    JpegImageFile: check_jpeg,
    PngImageFile: check_png,
    WebPImageFile: lambda file: check_webp(file, _MOST["WEBP"]),
    TiffImageFile: check_tiff,
    PpmImageFile: check_ppm,
}
_LARGEST: dict[type[ImageFile], int] = {GifImageFile: 16 << 20}  # Pillow looks for its parts byte by byte

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
        raise RefusedError(f"it is no picture of a known format: {names}. {found}")
    most = _LARGEST.get(kind, MAX_BYTES)
    if file.seek(0, 2) > most:
        raise RefusedError(f"it has more than {most >> 20} MiB")
    try:
        check = _CHECKS.get(kind)
        if check is not None:
            check(file)
        file.seek(0)
        picture = kind(file)
        moves = getattr(picture, "is_animated", False)  # a GIF looks for a second picture now
    except (RefusedError, MemoryError):
        raise
    except Exception as error:
        raise RefusedError(f"it is a damaged {kind.format}: {reason(error)}") from error
    if moves:
        raise RefusedError("it holds several pictures, not one")
    _check_packing(picture)
    return picture


def decode(picture: ImageFile, file: BinaryIO, enough: tuple[int, int] | None = None) -> NDArray[np.uint8] | None:
    """Decode a picture that was just opened.

    Args:
        picture: From `opened`.
        file: What it was opened from.
        enough: Width and height, as stored, that are enough for a JPEG; see `decode_jpeg`.

    Returns:
        What `decode_jpeg` returns; None, the pixels are in the picture, for all others.

    Raises:
        ValueError: If it has too many pixels, is cut short, or is damaged.
    """
    if isinstance(picture, JpegImageFile):
        return decode_jpeg(picture, file, enough)
    slow = picture.tile and picture.tile[0][0] in ("ppm", "ppm_plain")
    check_pixels(*picture.size, _MOST_BY_PYTHON if slow else _MOST.get(picture.format or "", MAX_PIXELS))
    if isinstance(picture, PngImageFile):
        decode_png(picture, file)
    else:
        load_pixels(picture)
    return None


def _check_packing(picture: ImageFile) -> None:
    if picture.format == "BMP" and picture.tile[0][0] == "bmp_rle":
        raise RefusedError("it is a run-length coded BMP. Save it as PNG")
    if picture.format == "TIFF":
        packing = picture.info.get("compression")
        if packing not in _UNPACKERS:
            raise RefusedError(f"it is a TIFF packed by {packing}. Known are {', '.join(sorted(_UNPACKERS))}")
        ends = [(tile[1][2], tile[1][3]) for tile in picture.tile if tile[1]]
        if not ends or max(x for x, _ in ends) * max(y for _, y in ends) < picture.width * picture.height:
            raise RefusedError("it has fewer rows than it says")
