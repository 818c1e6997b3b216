"""The Adam-metric prox of one space, in place and in blocks that fit the cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from mstasks.sparsity.adam_prox import RowNorms, row_scale, shrink_rows
from mstasks.sparsity.denominators import Denominator
from mstasks.sparsity.prox import kept_norm, per_group
from mstasks.sparsity.rows import row_views, storage_orders
from mstasks.sparsity.space import Space, scale_groups

_CPU_BLOCK = 2**18
"""Entries of a block on CPUs: its temporaries stay in the cache. Accelerators take a space at a time."""


@torch.no_grad()
def adam_step(
    space: Space,
    parameters: Mapping[str, Tensor],
    denominators: Sequence[Denominator],
    thresholds: Tensor | float,
) -> None:
    """Replace the space's slices of `parameters` by their prox, see `adam_prox`.

    Args:
        space: The space.
        parameters: By name.
        denominators: One a member.
        thresholds: t >= 0: one number, or shape `(space.size,)`.
    """
    slices = space.slices(parameters)
    thresholds = per_group(thresholds, slices[0].new_empty(space.size))
    norms = _divide(space, slices, denominators, thresholds)
    # Which groups the floor keeps is known only now: until here, dying groups are as they were.
    scale_groups(space, parameters, row_scale(norms, thresholds, space.floor, kept_norm(slices, space.dims)))


def _divide(
    space: Space, slices: Sequence[Tensor], denominators: Sequence[Denominator], thresholds: Tensor
) -> RowNorms:
    """Divide the weights by their divisors, block by block."""
    orders = storage_orders(slices, space.dims)
    moments = [
        member.slice(own.second_moment, space.size) for member, own in zip(space.members, denominators, strict=True)
    ]
    weights, seconds = row_views(slices, orders), row_views(moments, orders)
    widths = [view.shape[1] for view in weights]
    corrections = _columns([own.correction for own in denominators], widths, thresholds)
    eps = _columns([own.eps for own in denominators], widths, thresholds)
    targets = [part.permute(order) for part, order in zip(slices, orders, strict=True)]
    found = []
    for block in _blocks(space.size, sum(widths), thresholds.device):
        rows = torch.cat([view[block] for view in weights], 1)
        metric = torch.cat([view[block] for view in seconds], 1).sqrt_().div_(corrections).add_(eps)
        divisors, norms = shrink_rows(rows, metric, thresholds[block])
        for target, part in zip(targets, torch.split(divisors, widths, 1), strict=True):
            target[block].div_(part.reshape(target[block].shape))
        found.append((norms.size, norms.steepness, norms.root))
    return RowNorms(*(torch.cat(values) for values in zip(*found, strict=True)))


def _columns(values: Sequence[Tensor | float], widths: Sequence[int], like: Tensor) -> Tensor:
    """One value a column, shape `(entries of a group,)`."""
    row = like.new_empty(sum(widths))
    for part, value in zip(torch.split(row, list(widths)), values, strict=True):
        part.fill_(value)
    return row


def _blocks(channels: int, entries: int, device: torch.device) -> Iterator[slice]:
    """Ranges of channels."""
    step = max(1, _CPU_BLOCK // entries) if device.type == "cpu" else channels
    for start in range(0, channels, step):
        yield slice(start, min(start + step, channels))
