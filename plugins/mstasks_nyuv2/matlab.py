"""Reading arrays of numbers from MATLAB files of version 5 to 7.2; nothing else in them is looked at.

Not with scipy.io, whose reader ends the process on some damaged files. The format is that of "MAT-File Format" by
The MathWorks: a header, then elements, each of a type, a length and contents; an array is an element of elements.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mstasks import open_file, quoted

MAX_BYTES = 64 << 20
"""A file, and what a compressed variable in it expands to, may have so many bytes: a map of 8 million doubles."""

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_OTHERS = {1: "a cell array", 2: "a structure", 3: "an object", 4: "text", 5: "a sparse array"}
_COMPLEX = 0x0800

_Element = tuple[int, bytes]


def read_matlab(path: Path, variable: str) -> NDArray[Any]:
    """One two-dimensional array of real numbers, (rows, columns), of the type that MATLAB has it in.

    Raises:
        ValueError: If the file cannot be opened or is no such file, does not hold the variable, holds something else in
            it, or more than `MAX_BYTES`; the text names the file.
    """
    with open_file(path) as file:
        content = file.read(MAX_BYTES + 1)
    try:
        return _array(_found(content, variable), _order(content))
    except (ValueError, struct.error, zlib.error) as error:
        raise ValueError(f"{quoted(path)} cannot be read as a MATLAB file with '{variable}': {error}.") from error


def _order(content: bytes) -> str:
    """Byte order; the header is checked by the way."""
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
    if content.startswith(b"\x89HDF") or b"MATLAB 7.3" in content[:_HEADER]:
        raise ValueError("it is of version 7.3. Save it by save(..., '-v7')")
    if len(content) < _HEADER or content[126:128] not in (b"IM", b"MI"):
        raise ValueError("it is no MATLAB file of version 5 to 7.2")
    return "<" if content[126:128] == b"IM" else ">"


def _found(content: bytes, variable: str) -> list[_Element]:
    """The elements of the array of this name: flags, shape, name, numbers."""
    order, names = _order(content), []
    for kind, held in _elements(content[_HEADER:], order):
        expanded = _expanded(held, order) if kind == _COMPRESSED else (kind, held)
        if expanded[0] != _MATRIX:
            continue
        parts = list(islice(_elements(expanded[1], order), 4))
        name = parts[2][1].decode("latin-1") if len(parts) > 2 else ""
        if name == variable:
            return parts
        names.append(name)
    raise ValueError(f"it holds {', '.join(sorted(names)[:20]) or 'nothing'}")


def _elements(content: bytes, order: str) -> Iterator[_Element]:
    """Elements one after another, as (type, contents)."""
    position = 0
    while position < len(content):
        kind, length = struct.unpack_from(f"{order}II", content, position)
        if kind >> 16:  # a small element: length and type share four bytes, the contents are the next four
            kind, length, start, end = kind & 0xFFFF, kind >> 16, position + 4, position + 8
        else:
            start = position + 8
            # Elements are padded to eight bytes, compressed ones are not.
            end = start + length + (0 if kind == _COMPRESSED else -length % 8)
        if start + length > len(content):
            raise ValueError("it is cut short or damaged")
        yield kind, content[start : start + length]
        position = end


def _expanded(held: bytes, order: str) -> _Element:
    content = zlib.decompressobj().decompress(held, MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"a variable of it expands to more than {MAX_BYTES >> 20} MiB")
    return next(_elements(content, order), (0, b""))


def _array(parts: list[_Element], order: str) -> NDArray[Any]:
    if len(parts) < 4 or len(parts[0][1]) != 8:
        raise ValueError("the variable is cut short or damaged")
    flags = struct.unpack(f"{order}II", parts[0][1])[0]
    if flags & 0xFF not in _CLASSES or flags & _COMPLEX:
        raise ValueError(f"the variable is {_OTHERS.get(flags & 0xFF, 'of complex numbers')}, not real numbers")
    shape = tuple(np.frombuffer(parts[1][1], f"{order}i4").tolist())
    if len(shape) != 2 or min(shape) < 0:
        raise ValueError(f"the variable has the shape {shape}, not (rows, columns)")
    kind, numbers = parts[3]
    stored = np.dtype(f"{order}{_TYPES[kind]}") if kind in _TYPES else None
    if stored is None or math.prod(shape) * stored.itemsize != len(numbers):
        raise ValueError(f"the variable says {shape}, which its {len(numbers)} bytes are not")
    # MATLAB stores numbers in the smallest type that holds them, and columns first.
    values = np.frombuffer(numbers, stored).reshape(shape, order="F")
    return np.ascontiguousarray(values, dtype=np.dtype(_CLASSES[flags & 0xFF]))
