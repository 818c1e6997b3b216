"""Memory of batches: shared where they are handed over, and of the asked shape and type everywhere."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from mstasks.data import memory
from mstasks.data.memory import empty, keep_freed_memory


@pytest.mark.parametrize("worker", [False, True])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.float32, torch.int64])
def test_memory_is_shared_in_loader_processes_alone(
    monkeypatch: pytest.MonkeyPatch, worker: bool, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(memory, "get_worker_info", lambda: SimpleNamespace(num_workers=1) if worker else None)
    tensor = empty((2, 3, 5), dtype)
    assert tensor.is_shared() == worker  # type: ignore[no-untyped-call]
    assert tensor.shape == (2, 3, 5)
    assert tensor.dtype == dtype
    assert tensor.is_contiguous()
    tensor.numpy()[1, 2, 4] = 1
    assert tensor[1, 2, 4] == 1


def test_what_is_freed_may_be_kept_more_than_once() -> None:
    keep_freed_memory()
    keep_freed_memory()
