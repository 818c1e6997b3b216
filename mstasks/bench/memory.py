"""Peak memory of a forward pass, counted and not sampled: the same number on every machine."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mstasks.network import Network
from mstasks.sparsity.trace import meta_twin


def peak_memory(network: Network, size: tuple[int, int], batch: int) -> int:
    """Bytes of the images and of all that a pass in evaluation mode allocates, at its worst moment.

    The pass runs on the meta device, without data. Weights are not counted, nor what kernels use inside. What a GPU's
    allocator reserves is more.

    Args:
        network: Neither run nor changed.
        size: Height and width.
        batch: Number of images.
    """
    twin = meta_twin(network)
    with torch.no_grad(), LiveMemory(twin.state_dict().values()) as memory:
        images = torch.zeros(batch, 3, *size, device="meta", dtype=next(twin.parameters()).dtype)
        twin(images)
    return int(memory.peak)


class LiveMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of tensors that operations make, until they are freed.

    Args:
        known: Tensors that are not counted.

    Attributes:
        live: Bytes that are held now.
        peak: Largest value of `live`.
    """

    def __init__(self, known: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._known = {tensor.untyped_storage()._cdata for tensor in known}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and count the storages that its results brought along."""
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._known:  # a view, or written in place
            return
        self._known.add(key)
        self.live += storage.nbytes()
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._free, key, storage.nbytes())

    def _free(self, key: int, size: int) -> None:
        self._known.discard(key)  # its address may be used again
        self.live -= size
