"""What the first bytes of a picture claim, held against reason before Pillow believes it."""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

from mstasks.data.pixels import RefusedError, check_pixels

_COMMENT = re.compile(rb"#[^\r\n]*")
_LONGEST_PPM_HEADER = 4096
_MOST_TIFF_VALUES = 1 << 20
_TIFF_BYTES = (1, 2, 6, 7)


def check_webp(file: BinaryIO, most: int) -> None:
    """Hold a WEBP to its size: the decoder makes room for ``most`` pixels and more as soon as it is opened.

    Raises:
        RefusedError: If it has more, or less follows than it says. Layout: RFC 9649, 2.4 to 2.7.
    """
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(32)
    if int.from_bytes(start[4:8], "little") + 8 > size:
        raise RefusedError("it is cut short")
    width = height = 0
    if start[12:16] == b"VP8X":
        width, height = (int.from_bytes(start[at : at + 3], "little") + 1 for at in (24, 27))
    elif start[12:16] == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif start[12:16] == b"VP8 ":
        width, height = (int.from_bytes(start[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    check_pixels(width, height, most)


def check_tiff(file: BinaryIO) -> None:
    """Refuse a TIFF with a tag of a million numbers, such as offsets of strips: Pillow makes objects of all of them.

    Raises:
        RefusedError: If there is one. Layout: TIFF 6.0, section 2, and its 64-bit variant.
    """
    file.seek(0)
    start = file.read(16)
    order = "<" if start[:2] == b"II" else ">"
    big = 43 in start[2:4]
    file.seek(int.from_bytes(start[8:16] if big else start[4:8], "little" if order == "<" else "big"))
    count = struct.Struct(f"{order}Q" if big else f"{order}H")
    entry = struct.Struct(f"{order}HHQQ" if big else f"{order}HHII")
    (tags,) = count.unpack(file.read(count.size))
    directory = file.read(min(tags, 1 << 16) * entry.size)
    for tag, kind, values, _ in entry.iter_unpack(directory[: len(directory) // entry.size * entry.size]):
        if values > _MOST_TIFF_VALUES and kind not in _TIFF_BYTES:
            raise RefusedError(f"its tag {tag} says that it has {values} values")


def check_ppm(file: BinaryIO) -> None:
    """Refuse a PPM whose header goes on and on: Pillow reads it byte by byte.

    Raises:
        RefusedError: If its sizes are not among the first 4096 bytes.
    """
    file.seek(0)
    if len(_COMMENT.sub(b"", file.read(_LONGEST_PPM_HEADER)).split(maxsplit=3)) < 3:
        raise RefusedError("its header has no sizes")
