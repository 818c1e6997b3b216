"""Several processes on one batch, as torchrun starts them; with a single process everything here does nothing.

    torchrun --nproc-per-node 8 -m mstasks fit RECIPE

Each rank takes its slice of every batch. Losses are means over the labelled examples of the whole batch, so the
gradients of the ranks are summed, not averaged, and two ranks give what one gives on the same batch, norm layers aside:
those take statistics over a rank's own slice.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import torch
from torch import Tensor
from torch import distributed as dist


@contextmanager
def process_group() -> Iterator[None]:
    """Join the group that torchrun announces in the environment, and leave it in the end."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    # Rank 0 alone validates and writes while the others wait, which may take longer than the default of minutes.
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=timedelta(hours=4))
    try:
        yield
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def sum_over_ranks(tensors: Iterable[Tensor]) -> None:
    """Replace each tensor by its sum over all ranks, in one exchange per type."""
    if world() == 1:
        return
    groups: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        groups.setdefault(tensor.dtype, []).append(tensor)
    for group in groups.values():
        flat = torch.cat([tensor.reshape(-1) for tensor in group])
        dist.all_reduce(flat)
        parts = torch.split(flat, [tensor.numel() for tensor in group])
        for tensor, part in zip(group, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))


def path_of_first(path: Path | None) -> Path:
    """The path that rank 0 chose, on every rank."""
    paths = [path]
    if world() > 1:
        dist.broadcast_object_list(paths)
    assert paths[0] is not None, "rank 0 must choose the path"
    return paths[0]


def any_rank(flag: bool, device: torch.device) -> bool:
    """Whether the flag is set on any rank."""
    if world() == 1:
        return flag
    votes = torch.tensor(float(flag), device=device)
    dist.all_reduce(votes)
    return bool(votes)


def texts_of_all(texts: Sequence[str]) -> list[str]:
    """The texts of all ranks, in their order; every rank must call it."""
    if world() == 1:
        return list(texts)
    gathered: list[list[str] | None] = [None] * world()
    dist.all_gather_object(gathered, list(texts))
    return [text for part in gathered for text in part or []]
