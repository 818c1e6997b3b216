"""Proximal operator of the group lasso in the metric of Adam's denominator, by accelerated Newton.

For a group u with positive denominators D, one per entry, and threshold t, the minimiser v of

    1/2 sum D (v - u)^2 + t |v|

is zero iff |D u| <= t, else v = u D / (D + t / s), where s = |v| solves h(s) = 1 for the concave, increasing function

    h(s) = (sum (D u)^2 / (D s + t)^2)^(-1/2).

Newton's method on h from s = 0 rises to the root, never over it, and is exact at once where D is constant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mstasks.sparsity.prox import is_dead, kept_norm, per_group, survivors
from mstasks.sparsity.rows import from_rows, storage_orders, to_rows


def adam_prox(
    slices: Sequence[Tensor],
    dims: Sequence[int],
    denominators: Sequence[Tensor],
    thresholds: Tensor | float,
    floor: int = 0,
) -> list[Tensor]:
    """Prox of a space in the metric D; differentiable in `slices` and `thresholds`, with D held constant.

    Args:
        slices: The space's slices u (`Space.slices`), C channels each.
        dims: Channel dimension of each slice.
        denominators: D > 0, shaped like `slices`.
        thresholds: t >= 0, one number or shape `(C,)`. A group with |D u| <= t becomes exactly zero; t = 0 leaves it
            as it is.
        floor: Groups that stay, from 0 to C: those with the largest |D u| - t keep a norm of root mean square
            `KEPT_RMS`, or their norm if that is smaller.

    Returns:
        The minimisers v, shaped like `slices`: |D (v - u) + t v / |v|| is below 1e-5 |D u| in float32, 1e-10 in
        float64.
    """
    orders = storage_orders(slices, dims)
    rows, weights = to_rows(slices, orders), to_rows([part.detach() for part in denominators], orders)
    thresholds = per_group(thresholds, rows.detach()[:, 0])
    divisors, norms = shrink_rows(rows, weights, thresholds)
    scale = row_scale(norms, thresholds, floor, kept_norm(slices, dims))
    return from_rows(rows / divisors * scale.unsqueeze(1), slices, orders)


@dataclass(frozen=True, slots=True)
class RowNorms:
    """Norms of C rows, each of shape `(C,)`.

    Attributes:
        size: |u|.
        steepness: |D u|.
        root: |v|, infinite where v is zero.
    """

    size: Tensor
    steepness: Tensor
    root: Tensor


def shrink_rows(rows: Tensor, weights: Tensor, thresholds: Tensor) -> tuple[Tensor, RowNorms]:
    """Find v = u / divisors for every row that does not become zero.

    Args:
        rows: u, shape `(C, entries)`.
        weights: D, same shape.
        thresholds: t, shape `(C,)`.

    Returns:
        The divisors, shaped like `rows`, which are 1 in rows that `row_scale` is to make zero or that are zero; and the
        norms that it needs.
    """
    limits = thresholds.unsqueeze(1)
    steepness, mean = _steepness(rows.detach(), weights)
    trivial = is_dead(steepness, limits) | (steepness == 0)
    # From s = 0, Newton's first step has a closed form.
    start = (steepness - limits.detach()) / mean
    offsets = limits / weights
    root = _root(rows, offsets, start, trivial)
    divisors = (offsets / root).add_(1)
    return divisors, RowNorms(torch.linalg.vector_norm(rows, dim=1), steepness.squeeze(1), root.squeeze(1))


def row_scale(norms: RowNorms, thresholds: Tensor, floor: int, least: float) -> Tensor:
    """What to multiply each row of u / divisors by, shape `(C,)`.

    It is 0 for groups that die and 1 for those that live, but brings those that the floor keeps to the norm `least`, or
    to |u| if that is smaller.
    """
    dead = is_dead(norms.steepness, thresholds)
    limits = norms.size.clamp(max=least)
    held = survivors(norms.steepness, thresholds, floor) & (dead | (norms.root < limits))
    now = torch.where(dead, norms.size, norms.root)
    return torch.where(held, limits / now.masked_fill(~held | (now == 0), 1), (~dead).to(now.dtype))


# Below, vectors have the shape (C, 1).


def _steepness(rows: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """|D u| of every row, and the mean of D weighted by (D u)^2, which is NaN for a row of zeros."""
    squares = (rows * weights).square_()
    total = squares.sum(1, keepdim=True)
    # Divided first: the products with very small denominators could underflow.
    return total.sqrt(), squares.div_(total).mul_(weights).sum(1, keepdim=True)


def _root(rows: Tensor, offsets: Tensor, s: Tensor, trivial: Tensor) -> Tensor:
    """|v| of every row by Newton's method from `s`, infinite for `trivial` rows; `offsets` is t / D.

    Only the last step is differentiated: at the root, the derivative of a Newton step is the root's own derivative.
    """
    # With the first step this meets the tolerances for denominators that differ by many orders of magnitude; two steps
    # fewer would do where no group is near its threshold.
    steps = 6 if rows.dtype == torch.float64 else 4
    constants, fixed = rows.detach(), offsets.detach()
    for _ in range(steps - 1):
        s = _newton_step(constants, fixed, s)
    if torch.is_grad_enabled():
        # Values that are masked below must be finite here: the gradient zero times NaN is NaN.
        rows, s = rows.masked_fill(trivial, 1), s.masked_fill(trivial, 1)
    return _newton_step(rows, offsets, s).masked_fill(trivial, math.inf)


def _newton_step(rows: Tensor, offsets: Tensor, s: Tensor) -> Tensor:
    """Return s + (1 - h(s)) / h'(s), written with v(s) / s = u / (s + t / D).

    That is near a unit vector whatever the scales of u, D and t, so that nothing under- or overflows.
    """
    divisors = offsets + s
    squares = (rows / divisors).square_()
    total = squares.sum(1, keepdim=True)
    slope = squares.div_(divisors).sum(1, keepdim=True)
    return s + (total.sqrt() - 1) * (total / slope)
