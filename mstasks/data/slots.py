"""Memory for batches that is used again as soon as nobody holds what lies in it.

A batch of large labels takes tens of megabytes. Fresh memory for each costs as much as filling it, since the system
hands it out in pages of zeros; and from a loader process, each would be copied once more. So a few pieces go round: the
process that loads fills one, the training process looks at it, and with the last tensor in it the piece is free.
"""

from __future__ import annotations

import shutil
import weakref
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

_AHEAD, _HELD = 2, 2
"""Batches that torch lets each process work ahead, and that the training process holds while it asks for another."""
_SHARED = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Slot:
    """The name of one piece.

    Attributes:
        owner: Number of the process that fills it.
        index: Of the piece, among the owner's.
    """

    owner: int
    index: int


def make_slots(size: int, workers: int, batches: int) -> Slots | None:
    """Slots for batches of at most so many bytes; None if they would take more than half of the shared memory left.

    Args:
        size: Bytes of the largest batch.
        workers: Loader processes; 0 for none.
        batches: How many batches there will be.
    """
    owners = max(1, workers)
    each = min(_AHEAD + -(-_HELD // owners), -(-batches // owners))
    if workers and _SHARED.is_dir() and 2 * owners * each * size > shutil.disk_usage(_SHARED).free:
        return None
    return Slots(size, owners, each, shared=workers > 0)


class Slots:
    """Pieces of memory of one size, some for each process that loads; may be handed to processes that are started.

    Args:
        size: Bytes of each.
        owners: Processes that fill them.
        each: How many each of them has.
        shared: Whether those are loader processes; else it is this one.
    """

    def __init__(self, size: int, owners: int, each: int, *, shared: bool) -> None:
        allocate = _shared if shared else partial(torch.empty, dtype=torch.uint8)
        self._memory = allocate(owners * each * size).view(owners, each, size)
        # A byte a piece: the owner clears it, the training process sets it. So there is nothing to lock.
        self._free = allocate(owners * each).view(owners, each).fill_(True)

    def take(self) -> tuple[Slot, Tensor] | None:
        """A piece to be filled by this process, None if all of its own are in use."""
        worker = get_worker_info()
        owner = worker.id if worker else 0
        # One look at each byte: the training process may set another meanwhile.
        index = next((index for index, free in enumerate(self._free[owner].tolist()) if free), None)
        if index is None:
            return None
        self._free[owner, index] = False
        return Slot(owner, index), self._memory[owner, index]

    def give_back(self, slot: Slot) -> None:
        """Use a piece again that was taken, and that nobody has seen."""
        self._free[slot.owner, slot.index] = True

    def lent(self, slot: Slot) -> Tensor:
        """What is in a filled piece; it is used again when this tensor and all views of it are gone.

        To be called in the process that made the slots.
        """
        view = self._memory[slot.owner, slot.index].numpy()[:]
        # The tensor's storage keeps this very array alive, and so do all views of the tensor, whoever holds them.
        weakref.finalize(view, self._free[slot.owner].numpy().__setitem__, slot.index, True).atexit = False
        return torch.from_numpy(view)


def _shared(size: int) -> Tensor:
    # As torch's own loader makes them: `share_memory_` would copy what is not there yet.
    storage = torch.UntypedStorage._new_shared(size)  # type: ignore[no-untyped-call]
    return torch.empty(0, dtype=torch.uint8).set_(storage)
