"""Whether and how a recipe's data set is read through the cache."""

from __future__ import annotations

from typing import Literal

from mstasks.data.cache.code import code_of
from mstasks.data.cache.dataset import CachedDataset
from mstasks.data.cache.folder import entries_folder
from mstasks.data.cache.store import Store
from mstasks.data.dataset import Dataset
from mstasks.data.file_dataset import FileDataset

Mode = Literal["read", "fill", "off"]
"""What a recipe may say at `data.cache`."""


def cacheable(kind: type) -> bool:
    """Whether what a data set of this class delivers is known part by part, and by which code.

    One that loads samples in a way of its own is not cached, nor one whose class has no source file.
    """
    return issubclass(kind, FileDataset) and kind.load is FileDataset.load and code_of(kind) is not None


def with_cache(dataset: Dataset, kind: type, mode: Mode, gib: float, *, silent: bool = False) -> Dataset:
    """A data set as the recipe's `data.cache` wants it.

    Args:
        dataset: With `at_least` set.
        kind: Class of the data set that the plugin made, which this one may wrap.
        mode: ``read`` takes what is in the cache, ``fill`` also adds what is missing, ``off`` does neither.
        gib: What the cache may take on the disk, in GiB.
        silent: Whether nothing is printed when the cache is full or cannot be written to.

    Returns:
        The data set itself if it cannot be cached, or is to be read from a cache that does not exist.
    """
    folder = entries_folder()
    if mode == "off" or (mode == "read" and not folder.is_dir()):
        return dataset
    if not isinstance(dataset, FileDataset) or not cacheable(kind):
        return dataset
    filling = mode == "fill"
    store = Store.open_for_filling(folder, int(gib * 2**30), silent=silent) if filling else Store(folder)
    return CachedDataset(dataset, kind, store)


def announcement(dataset: Dataset) -> str | None:
    """What will be added where, and how much at most, as a sentence; None if nothing will be."""
    if not isinstance(dataset, CachedDataset) or not dataset.store.filling:
        return None
    room = dataset.store.room
    assert room is not None, "a store that fills has room"
    held, bound = room.held() / 2**30, room.bound / 2**30
    return f"cache: decoded files are added to {room.folder}, which holds {held:.2g} of at most {bound:.4g} GiB."
