"""Decoding JPEGs: at reduced size where that is enough, and never as grey where data is missing."""

from __future__ import annotations

import io
import re
from typing import BinaryIO

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from mstasks.data.pixels import MAX_PIXELS, RefusedError, check_pixels, load_pixels

_MOST_REDUCED = 8 * MAX_PIXELS
_MOST_HELD = {1: MAX_PIXELS, 3: MAX_PIXELS * 5 // 6, 4: MAX_PIXELS * 2 // 3}  # by number of colours
_END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither a stuffed byte nor a restart
_SEGMENT = re.compile(rb"\xff([\x01-\xfe])")
_ALONE = {bytes([code]) for code in (0x01, *range(0xD0, 0xDA))}
_WIDEST_GAP = 1024
_MOST_SEGMENTS = 400
_GREY = {127, 128}  # what the decoder takes for data that never came
_LONGEST_HELD = 64 << 20


def check_jpeg(file: BinaryIO) -> None:
    """Walk to the pixels of a JPEG: where something is wrong on that way, Pillow looks for them byte by byte.

    Raises:
        RefusedError: If there is no way, or more than 400 steps. Layout: ISO 10918-1, B.1.1.
    """
    file.seek(2)
    for _ in range(_MOST_SEGMENTS):
        block = file.read(_WIDEST_GAP)
        marker = _SEGMENT.search(block)
        if marker is None:
            raise RefusedError("it is cut short or damaged before its pixels")
        file.seek(marker.end() - len(block), 1)
        if marker[1] == b"\xda":
            return
        if marker[1] not in _ALONE:
            length = int.from_bytes(file.read(2), "big")
            file.seek(max(length - 2, 0), 1)
    raise RefusedError(f"it has more than {_MOST_SEGMENTS} parts before its pixels")


def decode_jpeg(picture: JpegImageFile, file: BinaryIO, enough: tuple[int, int] | None) -> NDArray[np.uint8] | None:
    """Decode a JPEG that was just opened, which leaves the file behind the first header of a scan.

    Args:
        picture: The picture.
        file: What it was opened from.
        enough: Width and height, as stored, that are enough: it is then decoded at the smallest of 1, 1/2, 1/4, 1/8 of
            its size that is no smaller.

    Returns:
        RGB, uint8 (H, W, 3), if it is of that kind and not reduced; None if the pixels are in the picture.

    Raises:
        RefusedError: If it has too many pixels, is cut short, or is damaged.
    """
    start = file.tell()
    if not _in_one_pass(picture, file):
        # The coefficients of all passes are held at full size, two bytes each, however small the picture becomes.
        check_pixels(*picture.size, _MOST_HELD[picture.layers])
    elif enough:
        check_pixels(*picture.size, _MOST_REDUCED)
    whole = picture.size
    if enough:
        picture.draft(None, enough)  # None keeps the mode
    check_pixels(*picture.size, MAX_PIXELS)
    pixels = _rgb(file) if picture.mode == "RGB" and picture.size == whole else None
    if pixels is None:
        load_pixels(picture)
    last = _last_pixel(picture) if pixels is None else set(pixels[-1, -1].tolist())
    if not _ends(file, start) or (last <= _GREY and _ends_early(file, start)):
        raise RefusedError("it is cut short")
    return pixels


def _in_one_pass(picture: JpegImageFile, file: BinaryIO) -> bool:
    """Whether the scan that a JPEG was opened up to holds all colours in full; ISO 10918-1, B.2.3."""
    length = 6 + 2 * picture.layers
    file.seek(-length, 1)
    scan = file.read(3)
    return scan == bytes([0, length, picture.layers]) and not picture.info.get("progressive")


def _rgb(file: BinaryIO) -> NDArray[np.uint8] | None:
    """The pixels that Pillow would give, in half the time; None if there is anything wrong: Pillow is to say what."""
    if file.seek(0, 2) > _LONGEST_HELD:
        return None
    file.seek(0)
    try:
        return np.asarray(simplejpeg.decode_jpeg(file.read()), np.uint8)
    except ValueError:
        return None


def _ends(file: BinaryIO, start: int) -> bool:
    """Whether there is an end marker. Pillow does not miss it if zeros fill the rest of a file, as after a crash."""
    file.seek(max(start, file.seek(0, 2) - 2))
    if file.read() == _END:
        return True
    file.seek(start)
    last = b""
    while block := file.read(1 << 20):
        if _END in block or last + block[:1] == _END:
            return True
        last = block[-1:]
    return False


def _last_pixel(picture: Image.Image) -> set[object]:
    pixel = picture.getpixel((picture.width - 1, picture.height - 1))
    return set(pixel if isinstance(pixel, tuple) else (pixel,))


def _ends_early(file: BinaryIO, start: int) -> bool:
    """Whether data at the end of the first scan are missing: then, and only then, more of them change the picture."""
    file.seek(0)
    content = file.read(_LONGEST_HELD)
    end = _MARKER.search(content, start)
    if end is None:  # too long to be held twice
        return False
    more = b"".join((content[: end.start()], bytes(range(1, 251)), content[end.start() :]))
    return _eighth(content) != _eighth(more)


def _eighth(content: bytes) -> bytes:
    picture = JpegImageFile(io.BytesIO(content))
    picture.draft(None, (1, 1))
    return picture.tobytes()
