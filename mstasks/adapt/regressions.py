"""The regressions of a support set: a task's code on what a network computes, as sums over rows.

Dense tasks are read off the shared trunk, a row for each valid pixel of the labels: a 1x1 convolution and a bilinear
resize commute, so the trunk's map is resized to the labels, and not the labels to it. Image-level tasks are read off
the backbone's pooled maps, a row for each image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mstasks.adapt.least_squares import Rows, joint_gram, solve
from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.device import Precision, as_input, autocast
from mstasks.features import Features
from mstasks.heads.pooled import pooled
from mstasks.modes import evaluating
from mstasks.network import Network
from mstasks.target import Target
from mstasks.train.losses import resize_prediction

FOLDS = 64
"""Of more images than these, several form one group, so that memory does not grow with their number."""


@dataclass(frozen=True, slots=True)
class Regression:
    """A regression.

    Attributes:
        rows: Its rows.
        columns: Which channels of the prediction it gives; all if None.
        basis: Directions in the space of features that the rows are given in, shape (features, directions).
    """

    rows: Rows
    columns: Tensor | None = None
    basis: Tensor | None = None

    def weights(self, penalty: float) -> tuple[Tensor, Tensor]:
        """Weight (channels, features) and bias (channels,) of a regression on all rows."""
        whole = Rows(self.rows.joint.sum(0, keepdim=True), self.rows.channels, self.rows.width)
        solution = solve(whole, whole.joint.new_tensor([penalty]))[0, 0]
        weight = solution[:-1] if self.basis is None else self.basis @ solution[:-1]
        return weight.T, solution[-1]


@dataclass(frozen=True, slots=True)
class Coded:
    """A batch: what is read, and what is to be predicted from it."""

    features: Tensor
    code: Tensor
    labels: Target


def coded(
    network: Network, bound: BoundTask, batches: Iterable[Batch], device: torch.device, precision: Precision
) -> Iterator[Coded]:
    """Features and codes batch by batch, up to the first that the task cannot encode."""
    for batch in batches:
        there = batch.to(device)
        labels = bound.labels(there.targets)
        code = bound.task.encode(labels)
        if code is None:
            return
        _check_code(code, bound, labels)
        with evaluating(network), autocast(device, precision):
            features = network.features(as_input(there.images, device))
        yield Coded(_read(features, dense=bound.task.kind.dense), code, labels)


def _read(features: Features, *, dense: bool) -> Tensor:
    if not dense:
        return pooled(features)
    assert features.trunk is not None
    return features.trunk


def _check_code(code: Tensor, bound: BoundTask, labels: Target) -> None:
    wanted = (len(labels), bound.task.channels, *(labels.valid.shape[-2:] if bound.task.kind.dense else ()))
    if code.shape != wanted:
        raise ValueError(f"`encode` of task {bound.name!r} must give shape {wanted}. Found {tuple(code.shape)}.")


def dense_regressions(batches: Iterable[Coded]) -> list[Regression]:
    """One regression for all channels, whose rows are the valid pixels of each image."""
    joint: list[Tensor] = []
    for position, (features, code, valid) in enumerate(_images(batches)):
        kept = valid.flatten()
        gram = joint_gram(_exact(features.flatten(1).T[kept]), _exact(code.flatten(1).T[kept]))
        if position < FOLDS:
            joint.append(gram)
        else:
            joint[position % FOLDS] += gram
    if not joint:
        return []
    rows = Rows(torch.stack(joint), channels=code.shape[0], width=0)
    alive = int((rows.joint.sum(0).diagonal()[: rows.bias] > 0).sum())
    return [Regression(Rows(rows.joint, rows.channels, alive))] if rows.count.any() else []


def _images(batches: Iterable[Coded]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Each image's features and code, shapes (features, height, width) and (channels, height, width), and validity."""
    for batch in batches:
        for index in range(len(batch.labels)):
            one = slice(index, index + 1)
            features = resize_prediction(batch.features[one], batch.labels[one])
            yield features[0], batch.code[index], batch.labels.valid[index]


def image_level_regressions(batches: Iterable[Coded]) -> list[Regression]:
    """A regression for each set of attributes that are labelled in the same images; an image is one row."""
    coded = list(batches)
    if not coded:
        return []
    features = _exact(torch.cat([batch.features for batch in coded]))
    code = _exact(torch.cat([batch.code for batch in coded]))
    valid = torch.cat([batch.labels.valid for batch in coded]).to(code.device)
    width = int(features.any(0).sum())
    # The solution lies in the span of the images' features, which for a few images is far smaller than the space.
    basis = torch.linalg.qr(features.T).Q if len(features) < features.shape[1] else None
    reduced = features if basis is None else features @ basis
    patterns, which = torch.unique(valid, dim=1, return_inverse=True)
    regressions = []
    for index, pattern in enumerate(patterns.T):
        columns = (which == index).nonzero().flatten()
        if pattern.any():
            joint = [joint_gram(reduced[fold], code[fold][:, columns]) for fold in _folds(pattern)]
            regressions.append(Regression(Rows(torch.stack(joint), len(columns), width), columns, basis))
    return regressions


def _folds(pattern: Tensor) -> Sequence[Tensor]:
    """Positions of the labelled images, dealt into at most `FOLDS` groups."""
    positions = pattern.nonzero().flatten()
    groups = min(FOLDS, len(positions))
    return [positions[start::groups] for start in range(groups)]


def _exact(values: Tensor) -> Tensor:
    """As float64, on the CPU where the device lacks that."""
    return (values.cpu() if values.device.type == "mps" else values).double()
