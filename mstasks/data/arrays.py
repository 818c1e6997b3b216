"""Reading .npy files that someone else made: nothing in them is executed, nothing is allocated on their word alone."""

from __future__ import annotations

import math
import os
import re
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mstasks.data.files import open_file, quoted, reason

MAX_BYTES = 256 << 20
"""An array may hold so many bytes: the depths of 8000 x 6000 pixels with some room."""

_LONGEST_HEADER = 4096
_DTYPE = re.compile(r"""['"]descr['"]\s*:\s*['"]([^'"]*)['"]""")
_FORTRAN = re.compile(r"""['"]fortran_order['"]\s*:\s*(True|False)\b""")
_SHAPE = re.compile(r"""['"]shape['"]\s*:\s*\(([\d\s,L]*)\)""")
_SIZE = re.compile(r"\s*(\d{1,18})L?\s*")  # with the L of Python 2


def read_array(path: Path) -> NDArray[Any]:
    """An array of numbers or booleans of an .npy file, in the byte order of this machine.

    Raises:
        ValueError: If the file cannot be opened, holds anything else, such as pickled objects, or nothing, is damaged,
            is shorter or longer than its header says, or would take more than `MAX_BYTES`; the text names it.
    """
    with open_file(path) as file:
        try:
            return _array(file)
        except Exception as error:
            text = f"{quoted(path)} cannot be read as an .npy array of numbers: {reason(error)}."
            raise ValueError(text) from error


def _array(file: BinaryIO) -> NDArray[Any]:
    dtype, fortran, shape = _header(file)
    count, held = math.prod(shape), os.fstat(file.fileno()).st_size - file.tell()
    said = f"its header says {shape}, {dtype}"
    if not count:
        raise ValueError(f"{said}: there is not a single number in it")
    if count * dtype.itemsize > MAX_BYTES:
        raise ValueError(f"{said}, which is more than {MAX_BYTES >> 20} MiB")
    if count * dtype.itemsize != held:
        raise ValueError(f"{said}, which is {count * dtype.itemsize} bytes. Found {held}")
    content = np.empty(held, np.uint8)
    if file.readinto(content.data) != held:  # type: ignore[attr-defined]
        raise ValueError("it became shorter while it was read")
    if dtype.kind == "b":
        content = content != 0  # bytes other than 0 and 1 are no booleans to numpy
    elif not dtype.isnative:
        content.view(dtype).byteswap(inplace=True)
    return content.view(dtype.newbyteorder("=")).reshape(shape, order="F" if fortran else "C")


def _header(file: BinaryIO) -> tuple[np.dtype[Any], bool, tuple[int, ...]]:
    """The three entries of a header, picked out rather than evaluated.

    The format is described by NEP 1 of numpy.
    """
    start = file.read(8)
    if len(start) < 8 or not start.startswith(b"\x93NUMPY"):
        raise ValueError(f"it begins with {start!r}" if start else "it is empty")
    if start[6] not in (1, 2, 3) or start[7]:
        raise ValueError(f"it is of format version {start[6]}.{start[7]}; known are 1.0, 2.0 and 3.0")
    (length,) = struct.unpack("<H", file.read(2)) if start[6] == 1 else struct.unpack("<I", file.read(4))
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header has {length} bytes, more than an array of numbers needs")
    header = file.read(length)
    if len(header) < length:
        raise ValueError("it ends within its header")
    text = header.decode("utf-8" if start[6] == 3 else "latin-1")
    described, fortran, shape = _DTYPE.search(text), _FORTRAN.search(text), _SHAPE.search(text)
    sizes = [_SIZE.fullmatch(size) for size in shape[1].split(",") if size.strip()] if shape else [None]
    if described is None or fortran is None or None in sizes:
        raise ValueError(f"its header is not that of an array of numbers: {text.strip()[:200]}")
    return _dtype(described[1]), fortran[1] == "True", tuple(int(size[1]) for size in sizes if size)


def _dtype(described: str) -> np.dtype[Any]:
    if not re.fullmatch(r"[<>=|]?([fiu]\d{1,2}|b1|\?)", described):
        raise ValueError(f"it holds {'pickled objects' if 'O' in described else described or 'nothing'}, not numbers")
    return np.dtype(described)
