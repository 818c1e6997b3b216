"""The constant predictor: the best answer that never looks at the image, as every table's reference.

Class frequencies, mean, normalised mean vector or prior of the valid train labels, by kind, in decoded space.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from mstasks.bound import BoundTask
from mstasks.target import Target
from mstasks.targets import TargetKind

Moments = tuple[Tensor, Tensor]


def _class_counts(target: Target, classes: int) -> Moments:
    counts = torch.bincount(target.value[target.valid], minlength=classes).double()
    return counts, counts.sum()


def _channel_sums(target: Target) -> Moments:
    valid = target.valid.expand_as(target.value)
    kept = target.value.double().masked_fill(~valid, 0.0)
    axes = [axis for axis in range(kept.dim()) if axis != 1]
    return kept.sum(axes), valid.sum(axes).double()


def _moments(kind: TargetKind, target: Target, classes: int) -> Moments:
    return _class_counts(target, classes) if kind is TargetKind.LABEL_MAP else _channel_sums(target)


def fit_constants(tasks: Mapping[str, BoundTask], batches: Iterable[Mapping[str, Target]]) -> dict[str, Tensor]:
    """The constant prediction of each task.

    Args:
        tasks: Tasks by name.
        batches: Train labels by target name, batch after batch.

    Returns:
        Per task a float32 vector: class frequencies (C,), mean (1,), unit mean vector (3,), or priors (K,); 0 for an
        attribute without a label. A task without any valid label is left out.
    """
    totals: dict[str, Moments] = {}
    for targets in batches:
        for name, bound in tasks.items():
            new = _moments(bound.task.kind, bound.labels(targets), len(bound.task.info.names))
            old = totals.get(name)
            totals[name] = new if old is None else (old[0] + new[0], old[1] + new[1])
    return {
        name: constant_of(tasks[name].task.kind, total, count) for name, (total, count) in totals.items() if count.any()
    }


def constant_of(kind: TargetKind, total: Tensor, count: Tensor) -> Tensor:
    """The constant prediction from what was summed over labels.

    Args:
        kind: The labels' kind.
        total: Sum of the valid labels by channel, counts by class for label maps; shape (channels,).
        count: How many there were; a scalar, or one for each channel.

    Returns:
        float32, shape (channels,): frequencies, mean, unit mean vector or priors.
    """
    mean = total / count.clamp(min=1)
    return (_unit(mean) if kind is TargetKind.VECTOR_MAP else mean).float()


def _unit(mean: Tensor) -> Tensor:
    """The unit vector along the mean, towards the camera where vectors cancel out."""
    towards_camera = torch.tensor([0.0, 0.0, -1.0], dtype=mean.dtype)
    return towards_camera if not mean.any() else functional.normalize(mean, dim=0)


def expand_constant(constant: Tensor, target: Target) -> Tensor:
    """The constant as a decoded prediction for every example, and pixel, of a batch."""
    batch, *rest = target.valid.shape
    constant = constant.to(target.value.device)
    if target.valid.dim() == 2:
        return constant.expand(batch, -1)
    return constant[None, :, None, None].expand(batch, -1, *rest[-2:])
