"""Proximal operator of the group lasso: closed form in the Euclidean metric, and what a floor keeps.

For a group u with threshold t = eta lambda w, step times strength times weight, the minimiser of

    1/2 |v - u|^2 + t |v|    is    v = u max(0, 1 - t / |u|).

Nothing here waits for the device: results are never read back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mstasks.sparsity.space import along, norms

KEPT_RMS = 1e-3
"""Root mean square below which the groups that a floor keeps are not shrunk."""


def euclidean_prox(
    slices: Sequence[Tensor], dims: Sequence[int], thresholds: Tensor | float, floor: int = 0
) -> list[Tensor]:
    """Group soft threshold of a space; differentiable, and a zero group's gradients are finite.

    Args:
        slices: The space's slices (`Space.slices`), C channels each.
        dims: Channel dimension of each slice.
        thresholds: t >= 0, one number or shape `(C,)`. A group with |u| <= t becomes exactly zero; t = 0 leaves it as
            it is.
        floor: Groups that stay, from 0 to C: those with the largest |u| - t are not shrunk below a root mean square of
            `KEPT_RMS`, nor at all if they are smaller. See `shrink_factors`.

    Returns:
        The minimisers v, shaped like `slices`.
    """
    sizes = norms(slices, dims)
    thresholds = per_group(thresholds, sizes)
    least = kept_norm(slices, dims)
    factors = shrink_factors(sizes, thresholds, survivors(sizes, thresholds, floor), least)
    return [part * along(factors, part, dim) for part, dim in zip(slices, dims, strict=True)]


def per_group(value: Tensor | float, like: Tensor) -> Tensor:
    """One number, or one a group, as a tensor of the dtype, device and shape `(C,)` of `like`."""
    if isinstance(value, Tensor):
        return value.to(like).expand_as(like)
    return torch.full_like(like, value)  # copying a number from the host would wait for the device


def shrink_factors(norms: Tensor, thresholds: Tensor, keep: Tensor, least: Tensor | float) -> Tensor:
    """What the prox multiplies each group by: max(0, 1 - t / |u|), in [0, 1].

    A group that `keep` marks is not shrunk below the norm `least`, nor at all if it is smaller: the minimiser of the
    proximal objective under that constraint. Unlike a smallest factor, this is continuous and monotone in u and t and
    still stays away from zero however often it is applied.

    Args:
        norms: |u|, shape `(C,)`.
        thresholds: t >= 0, shape `(C,)`.
        keep: Mask of shape `(C,)`.
        least: Norm that the kept groups keep, > 0.
    """
    safe = norms.masked_fill(norms == 0, 1)
    factors = (1 - thresholds / safe).masked_fill(is_dead(norms, thresholds), 0)
    return torch.where(keep, torch.maximum(factors, (least / safe).clamp(max=1)), factors)


def is_dead(norms: Tensor, thresholds: Tensor) -> Tensor:
    """Which groups the prox makes zero; none at t = 0, where it is the identity, and none whose norm is NaN."""
    return (norms <= thresholds) & (thresholds > 0)


def survivors(norms: Tensor, thresholds: Tensor, floor: int) -> Tensor:
    """Mask, shape `(C,)`, of the `floor` groups with the largest `left_over`.

    So it marks groups that would die only if fewer than `floor` would live. A group that is zero cannot be kept.
    """
    left = left_over(norms.detach(), thresholds.detach())
    return torch.zeros_like(left, dtype=torch.bool).scatter(0, left.topk(floor, sorted=False).indices, True)


def left_over(norms: Tensor, thresholds: Tensor) -> Tensor:
    """Norm - threshold, which orders groups by what the prox leaves of them; zero groups come last."""
    return (norms - thresholds).masked_fill(norms == 0, -math.inf)


def kept_norm(slices: Sequence[Tensor], dims: Sequence[int]) -> float:
    """Norm of a group whose entries have root mean square `KEPT_RMS`."""
    entries = sum(part.numel() // part.shape[dim] for part, dim in zip(slices, dims, strict=True))
    return KEPT_RMS * math.sqrt(entries)
