"""A data set that reads each file once: what was decoded before comes from the cache, bit by bit the same."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mstasks.data.cache.entry import Arrays
from mstasks.data.cache.key import Key, Keys
from mstasks.data.cache.store import Store
from mstasks.data.dataset import Split
from mstasks.data.file_dataset import IMAGE, FileDataset, Source
from mstasks.data.identity import Identity
from mstasks.data.sample import RawTarget, Sample

_TICK = 20_000_000  # ns; the clock of a file system advances every 4 to 10 ms


@dataclass(frozen=True, slots=True)
class Ensured:
    """What became of one sample's parts.

    Attributes:
        id: Of the sample.
        present: How many parts were in the cache.
        added: How many were added.
        bytes: Length of what was added.
        problem: What could not be read, with the reason, if so.
        stopped: Why nothing more is added, if so.
    """

    id: str
    present: int
    added: int
    bytes: int
    problem: str | None
    stopped: str | None


class CachedDataset(FileDataset):
    """A data set of files, read through the cache.

    Parts that have a source, and a file of it, come from the cache if they are there; else they are read and, if the
    store is open for filling, added. What cannot be read is never added.

    Args:
        dataset: Reads the files.
        kind: Class of the data set behind it, whose code decides what is read; one that `cacheable` accepts.
        store: Where entries lie.

    Attributes:
        dataset: As above.
        store: As above.
        decoded: Whether something of the sample that was loaded last belongs into the cache and was not there.
    """

    def __init__(self, dataset: FileDataset, kind: type, store: Store) -> None:
        self.dataset = dataset
        self.store = store
        self.at_least = dataset.at_least
        self.thread_safe = dataset.thread_safe
        self.decoded = False
        self._kind = kind
        self._keys = Keys(dataset, kind)

    def __reduce__(self) -> tuple[type[CachedDataset], tuple[FileDataset, type, Store]]:
        # A process that is spawned imports the data set's code itself, and says itself which code that was.
        return CachedDataset, (self.dataset, self._kind, self.store)

    def ids(self, split: Split) -> Sequence[str]:
        """Ids of a split, in the data set's order."""
        return self.dataset.ids(split)

    def source(self, id: str, part: str) -> Source | None:
        """What a part is made of: the data set's own files."""
        return self.dataset.source(id, part)

    def describe(self) -> str:
        """What the data set says about itself."""
        return self.dataset.describe()

    def load(self, id: str, targets: Collection[str]) -> Sample:
        """As of any data set of files; each file is looked at once."""
        self.decoded = False
        seen: dict[Path, Identity] = {}
        found = {name: _target(self._arrays(id, name, seen)) for name in targets}
        image = self._arrays(id, IMAGE, seen)[0]
        return Sample(id, image, {name: target for name, target in found.items() if target is not None})

    def image(self, id: str) -> NDArray[np.uint8]:
        """The photograph, as the data set gives it."""
        image: NDArray[np.uint8] = self._arrays(id, IMAGE)[0]
        return image

    def target(self, id: str, name: str) -> RawTarget | None:
        """A label, as the data set gives it."""
        return _target(self._arrays(id, name))

    def _arrays(self, id: str, part: str, seen: dict[Path, Identity] | None = None) -> Arrays:
        key = self._keys(id, part, seen)
        if key is None:
            return self.decode(id, part)
        found = self.store.read(key.digest)
        if found is not None:
            return found
        self.decoded = True
        return self._added(id, part, key)[0] if self.store.filling else self.decode(id, part)

    def decode(self, id: str, part: str) -> Arrays:
        """Read a part from the data set.

        Returns:
            The image; or value, valid and, if it has one, the stored size of a label; or nothing if there is no label.
        """
        if part == IMAGE:
            return (self.dataset.image(id),)
        target = self.dataset.target(id, part)
        if target is None:
            return ()
        arrays = target.value, target.valid
        return arrays if target.stored is None else (*arrays, np.array(target.stored))

    def _added(self, id: str, part: str, key: Key) -> tuple[Arrays, int]:
        """Read a part and add it; its arrays and the bytes that were added."""
        _let_settle(key.newest)
        arrays = self.decode(id, part)
        same = self._keys(id, part) == key  # else a file was changed while it was read
        return arrays, self.store.add(key.digest, arrays) if same else 0

    def present(self, id: str, parts: Sequence[str]) -> dict[str, bool]:
        """Those parts of a sample that belong into the cache, and whether they are there."""
        keys = {part: self._keys(id, part) for part in parts}
        return {part: self.store.holds(key.digest) for part, key in keys.items() if key is not None}

    def ensure(self, id: str, parts: Sequence[str]) -> Ensured:
        """Add the parts of a sample that belong into the cache and are not there."""
        present = added = size = 0
        problem = None
        for part in parts:
            try:
                key = self._keys(id, part)
                if key is not None and self.store.holds(key.digest):
                    present += 1
                elif key is not None:
                    length = self._added(id, part, key)[1]
                    added, size = added + bool(length), size + length
                else:
                    self.decode(id, part)  # an image that is not there must be told
            except (ValueError, OSError) as error:
                problem = problem or str(error)
        return Ensured(id, present, added, size, problem, self.store.stopped)


def _target(arrays: Arrays) -> RawTarget | None:
    if not arrays:
        return None
    value, valid, *stored = arrays
    return RawTarget(value, valid, (int(stored[0][0]), int(stored[0][1])) if stored else None)


def _let_settle(newest: int) -> None:
    """Wait until another change of a file would get another time than its last one, so that it would be noticed."""
    age = time.time_ns() - newest
    if 0 <= age < _TICK:
        time.sleep((_TICK - age) / 1e9)
