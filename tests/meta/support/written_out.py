"""Episodes written out by hand: the passes, the inner loop, and the prox channel by channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mstasks.data.batch import Batch
from mstasks.sparsity.space import Space

Weights = Mapping[str, Tensor]


def part_of(batch: Batch, positions: slice) -> tuple[Tensor, dict[str, tuple[Tensor, Tensor]]]:
    """Images in [0, 1] and labels with masks, float64."""
    labels = {
        name: (target.value[positions].double(), target.valid[positions]) for name, target in batch.targets.items()
    }
    return batch.images[positions].float().div(255).double(), labels


def task_loss(weights: Weights, part: tuple[Tensor, dict[str, tuple[Tensor, Tensor]]], task: str) -> Tensor:
    """Mean squared error of each labelled example's valid pixels, averaged over these examples."""
    maps, labels = part
    for name, padding in (("backbone.stem", 1), ("backbone.body.0", 1), ("backbone.body.1", 0), ("trunk", 0)):
        maps = torch.tanh(functional.conv2d(maps, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=padding))
    prediction = functional.conv2d(maps, weights[f"heads.{task}.weight"], weights[f"heads.{task}.bias"])
    value, valid = labels[task]
    errors, known = (prediction - value) ** 2, valid.expand_as(prediction)
    losses = [error[pixels].mean() for error, pixels in zip(errors, known, strict=True) if pixels.any()]
    return torch.stack(losses).mean()


def combined(
    weights: Weights, part: tuple[Tensor, dict[str, tuple[Tensor, Tensor]]], tasks: Sequence[str], log_variance: Weights
) -> Tensor:
    """Sum over tasks of exp(-s_t) L_t + s_t / 2."""
    terms = [torch.exp(-log_variance[t]) * task_loss(weights, part, t) + log_variance[t] / 2 for t in tasks]
    return torch.stack(terms).sum()


def unroll(
    theta: Weights,
    support: tuple[Tensor, dict[str, tuple[Tensor, Tensor]]],
    tasks: Sequence[str],
    log_variance: Weights,
    rate: float,
    steps: int,
    *,
    second: bool,
    only: str = "",
) -> dict[str, Tensor]:
    """theta' after K steps, differentiable in theta."""
    now = dict(theta)
    for _ in range(steps):
        names = [name for name in now if name.startswith(only)]
        slopes = torch.autograd.grad(
            combined(now, support, tasks, log_variance),
            [now[name] for name in names],
            create_graph=second,
            retain_graph=True,
            allow_unused=True,
        )
        for name, slope in zip(names, slopes, strict=True):
            if slope is not None:
                now[name] = now[name] - rate * (slope if second else slope.detach())
    return now


def prox(space: Space, tensors: Weights, threshold: float, metric: Weights | None = None) -> dict[str, Tensor]:
    """The minimiser of 1/2 sum D (v - u)^2 + t |v| for every channel."""
    result = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    u = rows(space, result)
    d = torch.ones_like(u) if metric is None else rows(space, metric)
    parts = _shrunk(u, d, threshold).split([row.shape[1] for row in _rows(space, result)], dim=1)
    for member, part in zip(space.members, parts, strict=True):
        moved = result[member.parameter].movedim(member.dim, 0)
        moved.copy_(part.reshape(moved.shape))
    return result


def rows(space: Space, tensors: Weights) -> Tensor:
    """The groups of a space as rows; every member is whole."""
    return torch.cat(_rows(space, tensors), 1)


def _rows(space: Space, tensors: Weights) -> list[Tensor]:
    return [tensors[m.parameter].detach().movedim(m.dim, 0).reshape(space.size, -1) for m in space.members]


def _shrunk(u: Tensor, d: Tensor, threshold: float) -> Tensor:
    """The root |v| of sum (D u)^2 / (D |v| + t)^2 = 1 by bisection, then v."""
    low, high = torch.zeros_like(u[:, :1]), u.norm(dim=1, keepdim=True)
    for _ in range(60):
        middle = (low + high) / 2
        above = ((d * u) ** 2 / (d * middle + threshold) ** 2).sum(1, keepdim=True) > 1
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    alive = (d * u).norm(dim=1, keepdim=True) > threshold
    return torch.where(alive, u * d * high / (d * high + threshold), 0.0)
