"""Reading every sample of a data set, in loader processes if the recipe has some."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from mstasks.data.dataset import Split
from mstasks.data.files import printable
from mstasks.data.loader import prepare_worker
from mstasks.data.worker_death import is_worker_death, release
from mstasks.errors import MstasksError
from mstasks.scan.facts import SampleFacts
from mstasks.scan.sample import Examiner

Entry = tuple[Split, str]

_PREFETCHED = 2
"""Samples that each process reads ahead."""


class _Samples(TorchDataset[SampleFacts]):
    """Facts of samples by position."""

    def __init__(self, examine: Examiner, entries: Sequence[Entry]) -> None:
        self._examine = examine
        self._entries = entries

    def __getitem__(self, index: int) -> SampleFacts:
        return self._examine(*self._entries[index])


def read_all(examine: Examiner, entries: Sequence[Entry], workers: int, each: Callable[[SampleFacts], object]) -> None:
    """Read samples, in order.

    Args:
        examine: Reads one.
        entries: Split and id of each.
        workers: Loader processes; 0 reads in this one.
        each: Is given the facts of each.

    Raises:
        MstasksError: If a loader process dies; names the samples that it may have been reading.
    """
    loader = DataLoader(
        _Samples(examine, entries),
        batch_size=None,
        sampler=range(len(entries)),
        num_workers=min(workers, len(entries)),
        prefetch_factor=_PREFETCHED if workers and entries else None,
        worker_init_fn=prepare_worker,
        generator=torch.Generator(),  # the global one must not feel that something was read
    )
    done = 0
    try:
        for found in loader:
            each(found)
            done += 1
    except BaseException as error:
        release(error)
        if not is_worker_death(error):
            raise
        suspects = entries[done : done + 1 + workers * _PREFETCHED]
        raise MstasksError(_obituary(str(error), done, suspects)) from error


def _obituary(cause: str, done: int, suspects: Sequence[Entry]) -> str:
    (split, first), (_, last) = suspects[0], suspects[-1]
    where = f"'{printable(first)}'" if len(suspects) == 1 else f"one of '{printable(first)}' to '{printable(last)}'"
    return (
        f"A loader process died after {done} images, while it read {where} of {split}: "
        f"{printable(' '.join(cause.split()).rstrip('.'))}. It was killed, often for want of memory, or a library "
        "crashed: look at those files, or scan with data.workers=0, which takes the least memory."
    )
