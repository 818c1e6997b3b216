"""Holding PNGs to what they say of themselves; Pillow looks neither at checksums of pixels nor for missing rows."""

from __future__ import annotations

import zlib
from typing import BinaryIO

import numpy as np
from kornia_rs import io as kornia
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from mstasks.data.pixels import MAX_PIXELS, RefusedError, check_pixels, load_pixels

_MOST_BESIDE_PIXELS = 16 << 20
_MOST_BESIDE_ALTOGETHER = 64 << 20
_MOST_PARTS = 500_000
_BLOCK = 1 << 20
_SELDOM = 181
_ORIENTATIONS = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
_KORNIA_MODES = {"L": "mono", "RGB": "rgb"}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def check_png(file: BinaryIO) -> None:
    """Verify all checksums, from the start of the file to the end of the picture.

    Raises:
        RefusedError: If one is wrong, the file is cut short, something besides pixels is larger than 16 MiB, all of it
            than 64, or there are too many parts.
    """
    file.seek(8)
    beside = 0
    for _ in range(_MOST_PARTS):
        head = file.read(8)
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        if name != b"IDAT" and length > _MOST_BESIDE_PIXELS:
            raise RefusedError(f"its part {name!r} says that it has {length} bytes, which only pixels may")
        beside += length if name != b"IDAT" else 0
        if beside > _MOST_BESIDE_ALTOGETHER:
            raise RefusedError(f"it has more than {_MOST_BESIDE_ALTOGETHER >> 20} MiB besides pixels")
        checksum = zlib.crc32(name)
        while length and (block := file.read(min(length, _BLOCK))):
            checksum = zlib.crc32(block, checksum)
            length -= len(block)
        stored = file.read(4)
        if len(head) < 8 or length or len(stored) < 4:
            raise RefusedError("it is cut short")
        if int.from_bytes(stored, "big") != checksum:
            raise RefusedError(f"the checksum of its part {name!r} is wrong, so it was damaged")
        if name == b"IEND":
            return
    raise RefusedError(f"it has more than {_MOST_PARTS} parts")


def decode_png(picture: PngImageFile, file: BinaryIO) -> None:
    """Decode a PNG that was just opened, after `check_png`.

    Raises:
        RefusedError: If there are fewer rows than it says, or it is damaged.
    """
    if picture.info.get("bbox", (0, 0, *picture.size)) != (0, 0, *picture.size):
        raise RefusedError("its first frame is smaller than itself")
    # Rows that are not there leave the picture as it was before: of a colour that a last row seldom has.
    colour = _SELDOM if len(picture.getbands()) == 1 else (_SELDOM,) * len(picture.getbands())
    picture.im = Image.new(picture.mode, picture.size, colour).im
    load_pixels(picture)
    last = picture.crop((0, picture.height - 1, picture.width, picture.height)).getextrema()
    untouched = np.all(np.equal(last, _SELDOM))
    # Of an interlaced picture, the last row is not the last in the file.
    if untouched or picture.mode == "1" or picture.info.get("interlace"):
        file.seek(16)
        if not _unpacks_to(file, _size(file.read(13))):
            raise RefusedError("it has fewer rows than it says")


def plain_png(picture: PngImageFile, file: BinaryIO) -> NDArray[np.uint8] | None:
    """The pixels of a PNG that was just opened, after `check_png`, if it is grey or RGB of 8 bits without EXIF.

    By kornia-rs, which takes a tenth of the time of libpng, and refuses what has fewer rows than it says. Of what is
    stored it looks at the checksums of the file's parts, as `check_png` does, not at the one within the packed pixels.

    Returns:
        uint8 (H, W) or (H, W, 3); None if it is of another kind, or cannot be decoded: Pillow is to say why.
    """
    file.seek(24)
    mode = _KORNIA_MODES.get(picture.mode)
    if file.read(1) != b"\x08" or mode is None or "transparency" in picture.info:
        return None
    check_pixels(*picture.size, MAX_PIXELS)
    file.seek(0)
    content = file.read()
    if any(mark in content for mark in _ORIENTATIONS):
        return None
    try:
        pixels = np.asarray(kornia.decode_image_png_u8(content, picture.size[::-1], mode), np.uint8)
    except Exception:  # it raises no class of its own; or a version has no such function, as they have moved before
        return None
    return pixels[..., 0] if mode == "mono" else pixels


def _size(header: bytes) -> int:
    """How many bytes the rows of all passes have; PNG specification, 7.2 and 8.2."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * _CHANNELS[header[9]]
    size = 0
    for left, top, right, down in _PASSES if header[12] else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // right), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            size += rows * (1 + -(-columns * bits // 8))
    return size


def _unpacks_to(file: BinaryIO, size: int) -> bool:
    """Whether the pixels in a checked file unpack to so many bytes."""
    file.seek(8)
    unpack = zlib.decompressobj()
    name = b""
    while name != b"IEND" and size > 0:
        head = file.read(8)
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        if name != b"IDAT":
            file.seek(length, 1)
        while name == b"IDAT" and length and size > 0:
            packed = file.read(min(length, _BLOCK))
            length -= len(packed)
            while packed and size > 0:
                size -= len(unpack.decompress(packed, _BLOCK))
                packed = unpack.unconsumed_tail
        file.seek(4, 1)
    return size <= 0
