"""One entry of the cache: a few arrays in a file that is either whole or no entry.

The file is a fixed head, the types and shapes of the arrays as JSON, and the arrays, each starting at a multiple of 64
bytes; of booleans that are all the same, as most labels are valid everywhere, there is one. The head holds the key, the
length of the file and the checksum of the JSON.
"""

from __future__ import annotations

import io
import json
import math
import mmap
import os
import stat
import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = tuple[NDArray[Any], ...]
"""What an entry holds: an image; value, valid and perhaps stored size of a label; nothing for one that is missing."""

TEMPORARY = ".tmp"
"""How the names of unfinished files end."""

_MAGIC = b"mstasks\x02"
_HEAD = struct.Struct("<8s16sQII")  # magic, key, length of the file, length and CRC-32 of the JSON
_ALIGN = 64
_SMALL = 1 << 20  # reading so few bytes is faster than mapping them page by page
# A pipe in the place of an entry must not be waited for, a link not be followed. Windows knows none of these.
_FLAGS = os.O_RDONLY
for _name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"):
    _FLAGS |= getattr(os, _name, 0)


def _descriptors() -> int:
    """Half of the files that this process may have open."""
    try:
        import resource
    except ImportError:  # on Windows
        return 256
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1 << 30 if limit == resource.RLIM_INFINITY else limit // 2


_MANY = _descriptors()


def storable(arrays: Arrays) -> bool:
    """Whether the arrays are of numbers or booleans, which is all that an entry can hold."""
    return all(isinstance(array, np.ndarray) and array.dtype.kind in "biuf" for array in arrays)


def entry_bytes(arrays: Arrays) -> int:
    """Length of the file that would hold the arrays."""
    return _layout(_listing(arrays), arrays)[1]


def _stored(array: NDArray[Any]) -> NDArray[Any]:
    """What the file holds of an array."""
    return array.reshape(-1)[:1] if _uniform(array) else array


def _uniform(array: NDArray[Any]) -> bool:
    return array.dtype == np.bool_ and array.size > 1 and bool(array.all() or not array.any())


def write_entry(path: Path, key: bytes, arrays: Arrays) -> None:
    """Write an entry, so that the path names the whole of it, now or after a power failure, or what it named before.

    Args:
        path: Its file; the folder is made if it is not there.
        key: 16 bytes.
        arrays: Of numbers or booleans.

    Raises:
        OSError: If that is not possible; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{token_hex(4)}{TEMPORARY}")
    try:
        file = temporary.open("xb")
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = temporary.open("xb")
    try:
        with file:
            _write(file, key, arrays)
            file.flush()
            # Else a name may survive a power failure whose content does not. Takes 0.1 to 0.5 ms on a solid-state disk.
            getattr(os, "fdatasync", os.fsync)(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write(file: io.BufferedWriter, key: bytes, arrays: Arrays) -> None:
    listing = _listing(arrays)
    offsets, length = _layout(listing, arrays)
    file.write(_HEAD.pack(_MAGIC, key, length, len(listing), zlib.crc32(listing)) + listing)
    for offset, array in zip(offsets, arrays, strict=True):
        file.write(bytes(offset - file.tell()))
        file.write(np.ascontiguousarray(_stored(array)).reshape(-1).view(np.uint8).data)


def _listing(arrays: Arrays) -> bytes:
    forms = [[array.dtype.str, array.shape, int(_uniform(array))] for array in arrays]
    return json.dumps(forms, separators=(",", ":")).encode()


def _layout(listing: bytes, arrays: Arrays) -> tuple[list[int], int]:
    """Where each array begins, and where the last one ends."""
    return _offsets(len(listing), [_stored(array).nbytes for array in arrays])


def _offsets(listing: int, sizes: Sequence[int]) -> tuple[list[int], int]:
    end, offsets = _HEAD.size + listing, []
    for size in sizes:
        offsets.append(-(-end // _ALIGN) * _ALIGN)
        end = offsets[-1] + size
    return offsets, end


def read_entry(path: str, key: bytes) -> Arrays | None:
    """The arrays of an entry, above 1 MiB mapped into memory; None if there is no whole entry with this key.

    They may be written to, which changes them alone. A map lives as long as they do, also when the file is replaced or
    removed meanwhile. It takes a file descriptor: where half of those that the process may have are in use, the entry
    is read instead.
    """
    return _entry(path, key, _SMALL)


def is_entry(path: str, key: bytes) -> bool:
    """Whether there is a whole entry with this key; its arrays are mapped, not read."""
    return _entry(path, key, 0) is not None


def _entry(path: str, key: bytes, small: int) -> Arrays | None:
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return None
    try:
        content = _content(descriptor, small)
        return None if content is None else _arrays(content, key)
    except Exception:  # whatever is wrong with it, it is no entry
        return None
    finally:
        os.close(descriptor)


def _content(descriptor: int, small: int) -> mmap.mmap | memoryview | None:
    """What is in a file: read if it has at most so many bytes, else mapped."""
    status = os.fstat(descriptor)
    size = status.st_size
    if not stat.S_ISREG(status.st_mode) or size < _HEAD.size:
        return None
    if size > small and _next_descriptor(descriptor) < _MANY:
        return mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY)
    content = np.empty(size, np.uint8).data  # not zeroed first
    return content if _read(descriptor, content) == size else None


def _read(descriptor: int, content: memoryview) -> int:
    if hasattr(os, "readv"):
        return os.readv(descriptor, [content])
    with io.FileIO(descriptor, closefd=False) as file:  # on Windows
        return file.readinto(content)


def _next_descriptor(descriptor: int) -> int:
    """The number that the map's own descriptor will have: the lowest that is free."""
    number = os.dup(descriptor)
    os.close(number)
    return number


def _arrays(content: mmap.mmap | memoryview, key: bytes) -> Arrays | None:
    magic, found, length, size, checksum = _HEAD.unpack_from(content)
    listing = bytes(content[_HEAD.size : _HEAD.size + size])
    if (magic, found, length, checksum) != (_MAGIC, key, len(content), zlib.crc32(listing)):
        return None
    forms, end = _listed(listing)
    if end != length:
        return None
    return tuple(
        np.full(shape, bool(content[offset])) if uniform else np.ndarray(shape, dtype, content, offset)
        for shape, dtype, offset, uniform in forms
    )


@lru_cache(maxsize=64)  # a data set's parts have few different ones
def _listed(listing: bytes) -> tuple[list[tuple[tuple[int, ...], np.dtype[Any], int, bool]], int]:
    """Shape, type and place of each array, whether one element stands for all, and where the last one ends.

    Raises:
        ValueError: If they are not of numbers or booleans: others would be read as addresses.
    """
    forms = [(tuple(shape), np.dtype(name), bool(uniform)) for name, shape, uniform in json.loads(listing)]
    if any(dtype.kind not in ("b" if uniform else "biuf") for _, dtype, uniform in forms):
        raise ValueError("an entry holds numbers or booleans")
    sizes = [(1 if uniform else math.prod(shape)) * dtype.itemsize for shape, dtype, uniform in forms]
    offsets, end = _offsets(len(listing), sizes)
    places = zip(forms, offsets, strict=True)
    return [(shape, dtype, offset, uniform) for (shape, dtype, uniform), offset in places], end
