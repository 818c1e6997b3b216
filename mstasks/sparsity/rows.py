"""The groups of a space as the rows of one matrix, and back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Order = tuple[int, ...]


def storage_orders(slices: Sequence[Tensor], dims: Sequence[int]) -> list[Order]:
    """For each slice its dimensions, the channels' first and then in the order of memory.

    Read in this order, the rows of a weight in `channels_last` format are contiguous, too.
    """
    orders = []
    for part, dim in zip(slices, dims, strict=True):
        others = [axis for axis in range(part.dim()) if axis != dim]
        orders.append((dim, *sorted(others, key=part.stride, reverse=True)))
    return orders


def to_rows(slices: Sequence[Tensor], orders: Sequence[Order]) -> Tensor:
    """Matrix of shape `(channels, entries of a group)`: each slice is flattened in its order, beside the one before."""
    return torch.cat(row_views(slices, orders), 1)


def row_views(slices: Sequence[Tensor], orders: Sequence[Order]) -> list[Tensor]:
    """Each slice as a matrix with a row a channel: a view where memory allows it, else a copy."""
    return [_flat(part.permute(order)) for part, order in zip(slices, orders, strict=True)]


def from_rows(rows: Tensor, slices: Sequence[Tensor], orders: Sequence[Order]) -> list[Tensor]:
    """Views of `rows` shaped like `slices`: the inverse of `to_rows`."""
    blocks = torch.split(rows, [part.numel() // len(rows) for part in slices], 1)
    return [_unflat(block, part, order) for block, part, order in zip(blocks, slices, orders, strict=True)]


def _flat(part: Tensor) -> Tensor:
    return part.flatten(1) if part.dim() > 1 else part.unsqueeze(1)


def _unflat(block: Tensor, part: Tensor, order: Order) -> Tensor:
    permuted = block.reshape([part.shape[axis] for axis in order])
    return permuted.permute([order.index(axis) for axis in range(part.dim())])
