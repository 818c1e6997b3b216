"""Reading several files at once, in as many threads as this process may call its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import current_thread
from typing import TypeVar

from torch.utils.data import get_worker_info

_NAME = "mstasks-read"
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_threads(function: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """What a function gives for each item, in order; for functions that spend their time outside Python, as decoding.

    A loader process takes its share of the processors: with as many loader processes as processors, this is a loop.

    Raises:
        Exception: The first item's whose call raised.
    """
    nested = current_thread().name.startswith(_NAME)  # a task that waits for tasks of its own pool waits for ever
    threads = 1 if nested else _share()
    return [function(item) for item in items] if threads < 2 else list(_pool(os.getpid(), threads).map(function, items))


def _share() -> int:
    worker = get_worker_info()
    return _processors() // (worker.num_workers if worker else 1)


def _processors() -> int:
    """Of those that this process may run on, at most eight: a sample has few files."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, 8)


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:  # noqa: ARG001 - a forked process needs a pool of its own
    return ThreadPoolExecutor(threads, thread_name_prefix=_NAME)
