"""Memory for batches that is used again as soon as nobody holds what lies in it.

A batch of large labels takes tens of megabytes. Fresh memory for each costs as much as filling it, since the system
hands it out in pages of zeros; and from a loader process, each would be copied once more. So a few pieces go round: the
process that loads fills one, the training process looks at it, and gives it back when the last tensor in it is gone.
"""

from __future__ import annotations

import weakref
from collections import deque
from dataclasses import dataclass
from multiprocessing import Pipe

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

_EACH = 4
"""For a loader process: two that it works ahead, and two that the training process holds while it goes on."""


@dataclass(frozen=True, slots=True)
class Slot:
    """The name of one piece.

    Attributes:
        owner: Number of the process that fills it.
        index: Of the piece, among the owner's.
    """

    owner: int
    index: int


class Slots:
    """Pieces of memory of one size, some for each process that loads; may be handed to processes that are started.

    Args:
        size: Bytes of each.
        workers: Loader processes; with 0, this process fills its own.
    """

    def __init__(self, size: int, workers: int) -> None:
        allocate = _shared if workers else _own
        self._memory = [[allocate(size) for _ in range(_EACH)] for _ in range(max(1, workers))]
        self._ways_back = [Pipe(duplex=False) for _ in range(workers)]
        self._free = list(range(_EACH))  # of the process that asks, each has its own copy of this list
        self._left: deque[Slot] = deque()

    def take(self) -> tuple[Slot, Tensor] | None:
        """A piece to be filled by this process, None if all of them are in use."""
        worker = get_worker_info()
        assert (worker is not None) == bool(self._ways_back), "the process that loads has pieces of its own"
        owner = worker.id if worker else 0
        if worker:
            end, _ = self._ways_back[owner]
            while end.poll():
                self._free.append(end.recv())
        else:
            self._collect()
        if not self._free:
            return None
        slot = Slot(owner, self._free.pop())
        return slot, self._memory[owner][slot.index]

    def give_back(self, slot: Slot) -> None:
        """Use a piece again that this process took, and that nobody has seen."""
        self._free.append(slot.index)

    def lent(self, slot: Slot) -> Tensor:
        """What is in a filled piece; it is used again when this tensor and all views of it are gone.

        To be called in the process that made the slots.
        """
        self._collect()
        view = self._memory[slot.owner][slot.index].numpy()[:]
        # The tensor's storage keeps this very array alive, and so do all views of the tensor, whoever holds them.
        weakref.finalize(view, self._left.append, slot).atexit = False
        return torch.from_numpy(view)

    def _collect(self) -> None:
        """Hand what was left back to its owner. Not done at once: the last tensor may go in the midst of anything."""
        while self._left:
            slot = self._left.popleft()
            if self._ways_back:
                self._ways_back[slot.owner][1].send(slot.index)
            else:
                self._free.append(slot.index)


def _own(size: int) -> Tensor:
    return torch.empty(size, dtype=torch.uint8)


def _shared(size: int) -> Tensor:
    # As torch's own loader makes them: `share_memory_` would copy what is not there yet.
    storage = torch.UntypedStorage._new_shared(size)  # type: ignore[no-untyped-call]
    return torch.empty(0, dtype=torch.uint8).set_(storage)
