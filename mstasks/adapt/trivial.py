"""The trivial predictor of a support set: the mean label map, or the prior. It never looks at the image.

What a network that was adapted to the same images has to beat.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional

from mstasks.bound import BoundTask
from mstasks.constant import constant_of, expand_constant, fit_constants
from mstasks.data.batch import Batch
from mstasks.target import Target
from mstasks.targets import TargetKind

_PRIOR = 1e-4
"""Of how many labels the constant counts at each pixel. It decides only where nothing else does: at a pixel that no
image labels, between classes that are equally frequent there, for vectors that cancel out."""


def fit_trivial(bound: BoundTask, batches: Iterable[Batch]) -> Tensor | None:
    """The mean label map of a dense task, or the class priors of an image-level one, in decoded space.

    By kind: class frequencies at each pixel, mean of the valid labels, mean vector scaled to unit length, share of the
    images in which the attribute is present. A pixel that no image labels gets the constant of the whole support set.

    Args:
        bound: The task.
        batches: The support images, not augmented, of one size.

    Returns:
        float32, shape (channels, height, width) if dense, else (channels,); None if there is no valid label.

    Raises:
        ValueError: If labels differ in size.
    """
    if bound.task.kind.dense:
        return _mean_map(bound, batches)
    return fit_constants({bound.name: bound}, (batch.targets for batch in batches)).get(bound.name)


def expand_trivial(trivial: Tensor, labels: Target) -> Tensor:
    """The trivial prediction for each example of a batch of labels, whose values are not read.

    Args:
        trivial: From `fit_trivial`.
        labels: Of the size that it was fitted on.

    Raises:
        ValueError: If the labels have another size.
    """
    if trivial.dim() == 1:
        return expand_constant(trivial, labels)
    _require_size(labels, trivial)
    return trivial.to(labels.valid.device).expand(len(labels), -1, -1, -1)


def _mean_map(bound: BoundTask, batches: Iterable[Batch]) -> Tensor | None:
    kind, classes = bound.task.kind, len(bound.task.info.names)
    total = count = None
    for batch in batches:
        labels = bound.labels(batch.targets)
        sums = _class_sums(labels, classes) if kind is TargetKind.LABEL_MAP else _sums(labels)
        valid = labels.valid.sum(0).double().view(1, *sums.shape[-2:])
        if total is None or count is None:
            total, count = sums, valid
        else:
            _require_size(labels, total)
            total, count = total + sums, count + valid
    if total is None or count is None or not count.any():
        return None
    constant = constant_of(kind, total.sum((1, 2)), count.sum()).to(total)
    mean = (total + _PRIOR * constant[:, None, None]) / (count + _PRIOR)
    return (functional.normalize(mean, dim=0) if kind is TargetKind.VECTOR_MAP else mean).float()


def _class_sums(labels: Target, classes: int) -> Tensor:
    """How often each class stands at each pixel, float64 (classes, height, width)."""
    _, height, width = labels.value.shape
    counts = torch.zeros(classes, height, width, dtype=torch.float64, device=labels.value.device)
    value = labels.value.masked_fill(~labels.valid, 0)
    # Image by image: one-hot codes of a batch would take a hundred times the memory of its labels.
    for classes_of_one, valid in zip(value, labels.valid.double(), strict=True):
        counts.scatter_add_(0, classes_of_one[None], valid[None])
    return counts


def _sums(labels: Target) -> Tensor:
    """Sum of the valid labels at each pixel, float64 (channels, height, width)."""
    return labels.value.masked_fill(~labels.valid, 0.0).double().sum(0)


def _require_size(labels: Target, other: Tensor) -> None:
    size, wanted = tuple(labels.valid.shape[-2:]), tuple(other.shape[-2:])
    if size != wanted:
        raise ValueError(f"Labels must all have one height and width, here {wanted}. Found {size}.")
