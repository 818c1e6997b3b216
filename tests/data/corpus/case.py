"""What a case of the corpus is, and ways to damage a file."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Expected = Literal["used", "refused", "either"]
HEIGHT, WIDTH = 48, 64


@dataclass(frozen=True)
class Case:
    """A file that a part of a sample is read from.

    Attributes:
        name: Id of the sample.
        part: image, segmentation, depth, normals, or ids for a list of ids.
        content: The file's bytes, or the name of something that is no file, of `places`.
        reader: What the reader must do with it.
        sample: What the way of a training run must do with it; None if that is no file of a data set.
        truth: If it is used, the reader must give this.
        tolerance: How far from it on average, for lossy formats.
        file: Another name for the file, for the reader alone.
    """

    name: str
    part: str
    content: bytes | str
    reader: Expected
    sample: Expected | None
    truth: Array | None = None
    tolerance: float = 0.0
    file: bytes | None = None


def case(
    name: str, part: str, content: bytes | str, expected: Expected, truth: Array | None = None, **more: Any
) -> Case:
    """A case that reader and training run treat alike, unless ``sample`` says otherwise."""
    return Case(name, part, content, expected, more.pop("sample", expected), truth, **more)


def cuts(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The file cut short at five places."""
    for where, length in {
        "header": 20,
        "quarter": len(content) // 4,
        "half": len(content) // 2,
        "three-quarters": len(content) * 3 // 4,
        "last-byte": len(content) - 1,
    }.items():
        yield f"cut-at-{where}", content[:length]


def flips(content: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """The file with one bit changed, ``count`` times."""
    generator = random.Random(seed)
    for number in range(count):
        place, bit = generator.randrange(len(content)), generator.randrange(8)
        changed = bytearray(content)
        changed[place] ^= 1 << bit
        yield f"bit-{number}-of-byte-{place}", bytes(changed)


def chunk(name: bytes, content: bytes) -> bytes:
    """A part of a PNG with its checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *before: bytes, interlaced: int = 0) -> bytes:
    """A PNG of filtered rows, with parts before the pixels; PNG specification, 11.2."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
    pixels = chunk(b"IDAT", zlib.compress(rows, 1))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + pixels + chunk(b"IEND", b"")


def rows(array: Array) -> bytes:
    """The rows of a PNG without filters."""
    return b"".join(b"\0" + row.tobytes() for row in array)


def adam7(array: Array) -> bytes:
    """The rows of an interlaced PNG; PNG specification, 8.2."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    return b"".join(rows(np.ascontiguousarray(array[top::down, left::right])) for top, left, down, right in passes)


def turned(upright: Array, orientation: int) -> Array:
    """How a camera stores a picture with an EXIF orientation; the table of tag 274 in Exif 2.3."""
    stored = {  # of which side of the scene the first row is, and the first column
        1: upright,  # top, left
        2: upright[:, ::-1],  # top, right
        3: upright[::-1, ::-1],  # bottom, right
        4: upright[::-1],  # bottom, left
        5: upright.swapaxes(0, 1),  # left, top
        6: upright[:, ::-1].swapaxes(0, 1),  # right, top
        7: upright[::-1, ::-1].swapaxes(0, 1),  # right, bottom
        8: upright[::-1].swapaxes(0, 1),  # left, bottom
    }
    return np.ascontiguousarray(stored[orientation])
