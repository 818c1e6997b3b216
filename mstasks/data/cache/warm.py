"""Filling the cache ahead of training: how much that takes, and doing it."""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from mstasks.data.cache.dataset import CachedDataset, Ensured
from mstasks.data.cache.entry import entry_bytes, storable
from mstasks.data.cache.survey import on_disk
from mstasks.data.loader import prepare_worker
from mstasks.data.worker_death import is_worker_death
from mstasks.errors import MstasksError

_LOOKED_AT, _DECODED = 256, 16


@dataclass(frozen=True, slots=True)
class Estimate:
    """What filling the cache would take.

    Attributes:
        images: How many samples there are.
        bytes: What would be added on the disk, for all of them.
        partial: Whether some of it is there already.
    """

    images: int
    bytes: int
    partial: bool


def estimate(dataset: CachedDataset, ids: Sequence[str], parts: Sequence[str], seed: int = 0) -> Estimate:
    """Look which parts of a few samples are missing, and decode those of fewer.

    The size of a part is the mean over at most 16 decoded samples, its share that is missing that of at most 256; both
    are drawn by the seed. Samples that cannot be read count as if they took nothing.
    """
    looked = random.Random(seed).sample(list(ids), min(len(ids), _LOOKED_AT))
    states = {id: dataset.present(id, parts) for id in looked}
    lacking = {part: [id for id in looked if states[id].get(part) is False] for part in parts}
    total = sum(len(found) * _mean_size(dataset, found[:_DECODED], part) for part, found in lacking.items())
    partial = any(present for state in states.values() for present in state.values())
    return Estimate(len(ids), round(total * len(ids) / max(1, len(looked))), partial)


def _mean_size(dataset: CachedDataset, ids: Sequence[str], part: str) -> float:
    """Mean bytes that a part takes on the disk, 0 if none of the samples can be read."""
    sizes = []
    for id in ids:
        try:
            arrays = dataset.decode(id, part)
        except (ValueError, OSError):
            continue
        sizes.append(on_disk(entry_bytes(arrays)) if storable(arrays) else 0)
    return sum(sizes) / max(1, len(sizes))


def fill(
    dataset: CachedDataset, ids: Sequence[str], parts: Sequence[str], workers: int
) -> Generator[Ensured, None, None]:
    """Add what is missing, in order of the ids.

    Args:
        dataset: With a store that is open for filling.
        ids: Which samples.
        parts: `mstasks.IMAGE` and target names.
        workers: Loader processes; 0 does it in this one.

    Raises:
        MstasksError: If a loader process dies.
    """
    loader = DataLoader(
        _Filling(dataset, tuple(ids), tuple(parts)),
        batch_size=None,
        num_workers=workers,
        worker_init_fn=prepare_worker,
        generator=torch.Generator(),  # the global one must not feel this
    )
    try:
        yield from loader
    except RuntimeError as error:
        if not is_worker_death(error):
            raise
        raise MstasksError(
            "a loader process died, often for want of memory. What is in the cache stays; the same command goes on, "
            "with data.workers=0 in the least memory."
        ) from error


class _Filling(TorchDataset[Ensured]):
    def __init__(self, dataset: CachedDataset, ids: tuple[str, ...], parts: tuple[str, ...]) -> None:
        self._dataset, self._ids, self._parts = dataset, ids, parts

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: int) -> Ensured:
        return self._dataset.ensure(self._ids[index], self._parts)
