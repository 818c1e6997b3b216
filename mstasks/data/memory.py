"""Memory that a process uses again and again: fresh pages cost more than what is written to them."""

from __future__ import annotations

import ctypes
import math
import sys
from functools import cache

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
_KEPT = 128 << 20
_LARGEST = 32 << 20  # the most that glibc takes


@cache
def keep_freed_memory() -> None:
    """Let this process keep up to 128 MiB that it has freed.

    By default, glibc gives every array of some MiB back to the system, which fills it with zeros before it hands it out
    once more: for a sample of some files, that takes longer than decoding them. Other C libraries are left alone.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_MMAP_THRESHOLD, _LARGEST)
        library.mallopt(_TRIM_THRESHOLD, _KEPT)


def empty(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A tensor of any content; in a loader process, where torch would otherwise copy it to hand it over, shared."""
    if get_worker_info() is None:
        return torch.empty(shape, dtype=dtype)
    size = math.prod(shape) * dtype.itemsize
    shared = torch.empty(0, dtype=torch.uint8).set_(torch.UntypedStorage._new_shared(size))  # type: ignore[no-untyped-call]
    return shared.view(dtype).view(shape)
