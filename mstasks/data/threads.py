"""Reading several files at once, in as many threads as this process may call its own."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    threads = _threads()
    return [function(item) for item in items] if threads < 2 else list(_pool(os.getpid(), threads).map(function, items))


def iterate_threads(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> Iterator[_Result]:
    """As `map_threads`, but one result after the other, for large ones: no more of them wait than there are threads.

    Of fewer items than threads, this is a loop: the function may use threads itself.

    Raises:
        Exception: What a call raised, when its turn comes.
    """
    threads = _threads()
    if threads < 2 or len(items) < threads:
        yield from map(function, items)
        return
    waiting: deque[Future[_Result]] = deque()
    for item in items:
        waiting.append(_pool(os.getpid(), threads).submit(function, item))
        if len(waiting) > threads:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _threads() -> int:
    nested = current_thread().name.startswith(_NAME)  # a task that waits for tasks of its own pool waits for ever
    return 1 if nested else _share()


def _share() -> int:
    worker = get_worker_info()
    return _processors() // (worker.num_workers if worker else 1)


def _processors() -> int:
    """Of those that this process may run on, its share among the processes of torchrun, at most eight."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed // int(os.environ.get("LOCAL_WORLD_SIZE") or 1), 8)


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:  # noqa: ARG001 - a forked process needs a pool of its own
    return ThreadPoolExecutor(threads, thread_name_prefix=_NAME)
