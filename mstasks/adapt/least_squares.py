"""Ridge regression with a bias from sums over rows, and the error that it makes on groups of rows left out.

Everything is computed from the Gram matrix of rows [features, 1, code], called joint here, of which each group has its
own: the rows themselves are never kept, and a group is left out by subtracting its joint from the sum of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_ROUNDING = 1e-13


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known of the rows of a regression: the joint Gram matrix of each group of them.

    Attributes:
        joint: float64, shape (groups, features + 1 + channels, the same).
        channels: Channels of the code.
        width: By how many features the trace of the features' Gram matrix is divided to get the mean of its diagonal:
            their number without those that are always zero, so that these change nothing.
    """

    joint: Tensor
    channels: int
    width: int

    @property
    def bias(self) -> int:
        """Position of the 1, which is the number of features."""
        return self.joint.shape[-1] - self.channels - 1

    @property
    def count(self) -> Tensor:
        """Rows of each group, float64, shape (groups,)."""
        return self.joint[:, self.bias, self.bias]


def joint_gram(features: Tensor, code: Tensor) -> Tensor:
    """The joint Gram matrix of some rows.

    Args:
        features: float64, shape (rows, features).
        code: float64, shape (rows, channels).
    """
    rows = torch.cat([features, features.new_ones(len(features), 1), code], dim=1)
    return rows.T @ rows


def solve(rows: Rows, penalties: Tensor) -> Tensor:
    """The ridge regression of each group by itself, for several penalties.

    With the means taken off features x and code y, it minimises sum |y - W' x|^2 + p m |W|^2, where m is the mean of
    the diagonal of sum x x'. The bias is not penalised. Where all features are constant, the weights are zero.

    Args:
        rows: Groups that each have at least one row.
        penalties: Values of p, positive, shape (penalties,).

    Returns:
        Weights with the bias as the last row, float64, shape (penalties, groups, features + 1, channels).
    """
    bias = rows.bias
    mean = rows.joint[:, bias] / rows.count[:, None]
    centred = rows.joint - rows.count[:, None, None] * mean[:, :, None] * mean[:, None, :]
    values, vectors = torch.linalg.eigh(centred[:, :bias, :bias])
    # Below the rounding of what the mean was taken off, nothing is left that varies.
    noise = _ROUNDING * rows.joint.diagonal(dim1=1, dim2=2)[:, :bias].sum(-1, keepdim=True)
    values = values.where(values > noise, 0.0)
    penalty = penalties[:, None, None] * values.sum(-1, keepdim=True) / max(rows.width, 1)
    total = values + penalty
    projected = vectors.mT @ centred[:, :bias, bias + 1 :]
    weight = vectors @ (projected / total.masked_fill(total == 0, torch.inf)[..., None])
    intercept = mean[:, None, bias + 1 :] - mean[:, None, :bias] @ weight
    return torch.cat([weight, intercept], dim=-2)


def left_out_error(rows: Rows, penalties: Tensor) -> Tensor | None:
    """Squared error on the rows of each group of a regression on all other groups, summed over groups and channels.

    Args:
        rows: The groups; those without a row are passed over.
        penalties: As for `solve`.

    Returns:
        Float64, shape (penalties,); None if fewer than two groups have rows.
    """
    some = rows.joint[rows.count > 0]
    if len(some) < 2:
        return None
    solution = solve(Rows(some.sum(0) - some, rows.channels, rows.width), penalties)
    # A row [x, 1, y] times this is its residual W' x + b - y, so the squared ones are a quadratic form of the joint.
    minus_one = -torch.eye(rows.channels, dtype=some.dtype, device=some.device)
    residual = torch.cat([solution, minus_one.expand(*solution.shape[:2], -1, -1)], dim=-2)
    return (residual * (some @ residual)).sum((1, 2, 3))
