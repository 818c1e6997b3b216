"""Predictors: whatever gives decoded predictions for a batch, so that its scores can be compared with others'."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch
from torch import Tensor

from mstasks.bound import BoundTask
from mstasks.constant import expand_constant
from mstasks.data.batch import Batch
from mstasks.device import Precision, as_input, autocast
from mstasks.modes import evaluating
from mstasks.network import Network
from mstasks.train.losses import resize_prediction

Predictor = Callable[[Batch], Mapping[str, Tensor]]
"""From a batch on the device where it computes to decoded predictions by task, dense ones at the labels' size.

It may predict some of the tasks only, but the same ones for every batch. Of the labels it reads the size alone."""


def network_predictor(network: Network, tasks: Mapping[str, BoundTask], precision: Precision = "float32") -> Predictor:
    """What a network predicts.

    Args:
        network: In any mode; runs in evaluation mode, and every part of it is left in the mode it was in. It may have
            heads of further tasks, which are not run.
        tasks: The tasks to predict, by name.
        precision: Of the forward pass.
    """

    def predict(batch: Batch) -> dict[str, Tensor]:
        with evaluating(network):
            outputs = network_outputs(network, batch.images, batch.images.device, precision, tasks)
        return {name: decode_at_labels(bound, outputs[name], batch) for name, bound in tasks.items()}

    return predict


def network_outputs(
    network: Network,
    images: Tensor,
    device: torch.device,
    precision: Precision = "float32",
    tasks: Collection[str] | None = None,
) -> dict[str, Tensor]:
    """Raw predictions for uint8 images.

    Args:
        network: In the mode that it is to run in, on the device.
        images: Shape (batch, 3, height, width).
        device: Where to compute.
        precision: Of the forward pass.
        tasks: Whose heads to run; all by default.
    """
    # A network that was prepared for speed takes images alone.
    chosen = () if tasks is None else (tasks,)
    with autocast(device, precision):
        outputs: dict[str, Tensor] = network(as_input(images, device), *chosen)
    return outputs


def constant_predictor(constants: Mapping[str, Tensor], tasks: Mapping[str, BoundTask]) -> Predictor:
    """The constant prediction of each task, from `mstasks.constant.fit_constants`."""

    def predict(batch: Batch) -> dict[str, Tensor]:
        return {name: expand_constant(constants[name], bound.labels(batch.targets)) for name, bound in tasks.items()}

    return predict


def decode_at_labels(bound: BoundTask, raw: Tensor, batch: Batch) -> Tensor:
    """A raw prediction for a batch, resized to the labels if it is dense, then decoded."""
    return bound.task.decode(resize_prediction(raw, bound.labels(batch.targets)))
