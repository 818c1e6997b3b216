"""Batches in a fixed order, from this process or from workers."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from mstasks.data.batch import Batch
from mstasks.data.cache.dataset import CachedDataset
from mstasks.data.collate import Collation
from mstasks.data.dataset import Dataset
from mstasks.data.file_dataset import FileDataset
from mstasks.data.layout import Layout
from mstasks.data.pipeline import Pipeline
from mstasks.data.sample import Sample
from mstasks.data.slots import Slot, Slots, make_slots
from mstasks.data.threads import iterate_threads
from mstasks.errors import MstasksError
from mstasks.targets import TargetInfo

_ORDER, _AUGMENT = 0, 1
_WAY_OUT = "`mstasks check RECIPE --data` lists every such file, and `data.exclude` leaves them out."


class SampleError(MstasksError, ValueError):
    """A sample could not be read or prepared; the message names it and says why."""


def train_batches(
    dataset: Dataset,
    ids: Sequence[str],
    pipeline: Pipeline,
    infos: Mapping[str, TargetInfo],
    batch_size: int,
    seed: int,
    start: int,
    steps: int,
    workers: int = 0,
    rank: int = 0,
    world: int = 1,
) -> Iterator[Batch]:
    """Batches ``start`` to ``steps - 1`` of an endless sequence that the seed fixes.

    The sequence goes through the ids in one random order after another. Batch k holds its positions ``k *
    batch_size`` to ``(k + 1) * batch_size - 1``, and each position has an augmentation seed of its own. So a batch
    depends neither on where the run was resumed nor on the number of workers, and skipping to ``start`` loads
    nothing.

    Args:
        dataset: Where samples come from; only the targets of ``infos`` are asked for.
        ids: Which samples.
        pipeline: Brings them to one size.
        infos: The targets of the batches.
        batch_size: Samples in a batch.
        seed: Of order and augmentation.
        start: The first batch.
        steps: The batch to stop before: the number of steps of the whole run.
        workers: Loader processes; 0 loads in this one.
        rank: Which part of each batch to load, from 0.
        world: Into how many equal parts, in order, a batch is cut.

    Raises:
        ValueError: If there are no ids, or the batch cannot be cut so.
        SampleError: If a sample cannot be read or prepared, when its batch is due.
    """
    if not ids:
        raise ValueError("There are no samples to train on.")
    if batch_size % world:
        raise ValueError(f"A batch of {batch_size} cannot be dealt evenly over {world} processes.")
    plan = _Training(tuple(ids), batch_size, seed, rank, world)
    return _loaded(dataset, plan, pipeline, infos, range(start, steps), workers)


def eval_batches(
    dataset: Dataset,
    ids: Sequence[str],
    pipeline: Pipeline,
    infos: Mapping[str, TargetInfo],
    batch_size: int,
    workers: int = 0,
) -> Iterator[Batch]:
    """Every id once, in order, not augmented; the last batch may be smaller.

    Arguments and errors are those of `train_batches`.
    """
    plan = _Evaluation(tuple(ids), batch_size)
    return _loaded(dataset, plan, pipeline, infos, range(-(-len(ids) // batch_size)), workers)


Entry = tuple[str, int | None]
"""An id with the seed of its augmentation."""


class _Plan(Protocol):
    @property
    def largest(self) -> int:
        """How many samples a batch holds at most."""
        ...

    def batch(self, index: int) -> list[Entry]:
        """What batch ``index`` holds."""


@dataclass(frozen=True)
class _Training:
    ids: tuple[str, ...]
    batch_size: int
    seed: int
    rank: int
    world: int

    @property
    def largest(self) -> int:
        return self.batch_size // self.world

    def batch(self, index: int) -> list[Entry]:
        first = index * self.batch_size + self.rank * self.largest
        positions = range(first, first + self.largest)
        orders = {epoch: self._order(epoch) for epoch in {position // len(self.ids) for position in positions}}
        chosen = [orders[position // len(self.ids)][position % len(self.ids)] for position in positions]
        return [(self.ids[i], self._augmentation(p)) for i, p in zip(chosen, positions, strict=True)]

    def _order(self, epoch: int) -> list[int]:
        order: list[int] = np.random.default_rng([self.seed, _ORDER, epoch]).permutation(len(self.ids)).tolist()
        return order

    def _augmentation(self, position: int) -> int:
        return int(np.random.SeedSequence([self.seed, _AUGMENT, position]).generate_state(1, np.uint64)[0])


@dataclass(frozen=True)
class _Evaluation:
    ids: tuple[str, ...]
    batch_size: int

    @property
    def largest(self) -> int:
        return min(self.batch_size, len(self.ids))

    def batch(self, index: int) -> list[Entry]:
        return [(id, None) for id in self.ids[index * self.batch_size : (index + 1) * self.batch_size]]


@dataclass(frozen=True)
class _Failure:
    """What a worker hands over instead of a batch, so that the reason arrives without the worker's traceback."""

    reason: str


@dataclass(frozen=True)
class _Filled:
    """What a loader process hands over instead of a batch that lies in a slot."""

    ids: tuple[str, ...]
    slot: Slot


class _Batches(TorchDataset[Batch | _Filled | _Failure]):
    """Whole batches by index."""

    def __init__(
        self,
        dataset: Dataset,
        plan: _Plan,
        pipeline: Pipeline,
        layout: Layout,
        slots: Slots | None = None,
    ) -> None:
        self._dataset = dataset
        self._plan = plan
        self._pipeline = pipeline
        self._layout = layout
        self._slots = slots

    def __getitem__(self, index: int) -> Batch | _Filled | _Failure:
        entries = self._plan.batch(index)
        slot, memory = (self._slots.take() if self._slots else None) or (None, None)
        try:
            collation = Collation(self._layout, len(entries), memory)
            for seed, sample in zip((seed for _, seed in entries), self._read([id for id, _ in entries]), strict=True):
                collation.add(self._processed(sample, seed))
        except (ValueError, OSError) as error:
            if self._slots and slot:
                self._slots.give_back(slot)
            return _Failure(str(error))
        batch = collation.batch()
        return _Filled(batch.ids, slot) if slot else batch

    def seen(self, filled: _Filled) -> Batch:
        """The batch in a slot."""
        assert self._slots is not None, "filled slots"
        return Batch.of(filled.ids, *self._layout.tensors(self._slots.lent(filled.slot), len(filled.ids)))

    def _read(self, ids: Sequence[str]) -> Iterator[Sample]:
        dataset = self._dataset
        threads = isinstance(dataset, FileDataset) and dataset.thread_safe
        if isinstance(dataset, CachedDataset) and not dataset.decoded:
            threads = False  # they would take longer to agree than to read
        return iterate_threads(self._load, ids) if threads else map(self._load, ids)

    def _load(self, id: str) -> Sample:
        with _naming(id):
            return self._dataset.load(id, tuple(self._layout.infos))

    def _processed(self, sample: Sample, seed: int | None) -> Sample:
        with _naming(sample.id):
            return self._pipeline(sample, seed)


@contextmanager
def _naming(id: str) -> Iterator[None]:
    """Turn what is wrong with a sample into a ValueError that names it."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise ValueError(str(error) if id in str(error) else f"sample {id!r}: {error}") from error


def _loaded(
    dataset: Dataset,
    plan: _Plan,
    pipeline: Pipeline,
    infos: Mapping[str, TargetInfo],
    indices: range,
    workers: int,
) -> Iterator[Batch]:
    layout = Layout(dict(infos), pipeline.size)
    # For a GPU, torch's loader copies batches to page-locked memory.
    slots = None if torch.cuda.is_available() else make_slots(layout.bytes(plan.largest), workers, len(indices))
    batches = _Batches(dataset, plan, pipeline, layout, slots)
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=indices,
        num_workers=workers,
        worker_init_fn=prepare_worker,
        pin_memory=torch.cuda.is_available(),
        # The loader draws a number whenever it starts; the global generator must not feel how often that happens.
        generator=torch.Generator(),
    )
    for result in loader:
        if isinstance(result, _Failure):
            raise SampleError(f"{result.reason.rstrip('.')}. {_WAY_OUT}")
        yield batches.seen(result) if isinstance(result, _Filled) else result


def prepare_worker(_: int) -> None:
    """What a loader process does first; for `torch.utils.data.DataLoader`."""
    # One thread a worker, else they take the processor from each other. For OpenCV that must be 0, not 1: both mean
    # serial, but 1 would first stop the threads of the pool, which a forked worker inherits without its threads, and
    # wait for them for ever.
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    # Ctrl-C and a scheduler's SIGTERM reach the whole process group; the training process decides what they mean.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
