"""Ridge regression of a task's labels on what a network computes: an adaptation in closed form.

The prediction is linear in the shared trunk's channels (dense tasks) or in the backbone's pooled maps (image-level
tasks), and is fitted to `Task.encode` of the labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from mstasks.adapt.least_squares import left_out_error
from mstasks.adapt.regressions import Regression, coded, dense_regressions, image_level_regressions
from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.device import Precision
from mstasks.heads import LinearHead, PooledHead
from mstasks.network import Network

PENALTIES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0)
"""Penalties to choose from, relative to the mean of the diagonal of the centred Gram matrix."""
DEFAULT_PENALTY = 1.0
"""Where there is nothing to choose by: a single image. Best for the normals of one NYU-v2 frame on a trained trunk."""


@dataclass(frozen=True, slots=True)
class RidgeFit:
    """A fitted head.

    Attributes:
        head: A `LinearHead` or a `PooledHead` that reads `network.features`, on the device.
        penalty: The penalty that it was fitted with, relative to the mean of the diagonal of the centred Gram matrix of
            the features.
    """

    head: nn.Module
    penalty: float


def ridge_head(
    network: Network,
    bound: BoundTask,
    batches: Iterable[Batch],
    device: torch.device,
    precision: Precision = "float32",
    penalty: float | None = None,
) -> RidgeFit | None:
    """Fit a linear head to a support set; neither the network nor the state of random generators changes.

    Args:
        network: On the device, in any mode; runs in evaluation mode.
        bound: The task; the network need not have a head for it.
        batches: The support images, not augmented. An attribute is fitted to the images that have a label of it.
        device: Where to compute.
        precision: Of the network's pass. Sums are float64.
        penalty: Relative, as in `RidgeFit`. None chooses the one of `PENALTIES` with the least error on images left
            out, one after the other (of more than 64, several together), or `DEFAULT_PENALTY` if fewer than
            two have a label.

    Returns:
        None if the task has no `encode`, no image has a label, or the task is dense and the network has no trunk.

    Raises:
        ValueError: If the penalty is not positive, or `encode` gives another shape than (batch, channels, ...).
    """
    if penalty is not None and not penalty > 0:
        raise ValueError(f"`penalty` must be positive. Found {penalty}.")
    if bound.task.kind.dense and network.trunk is None:
        return None
    support = coded(network, bound, batches, device, precision)
    regressions = dense_regressions(support) if bound.task.kind.dense else image_level_regressions(support)
    if not regressions:
        return None
    if penalty is None:
        penalty = _chosen_penalty(regressions)
    return RidgeFit(_head(network, bound, regressions, penalty, device), penalty)


def _chosen_penalty(regressions: Sequence[Regression]) -> float:
    penalties = regressions[0].rows.joint.new_tensor(PENALTIES)
    errors = [error for regression in regressions if (error := left_out_error(regression.rows, penalties)) is not None]
    return PENALTIES[int(torch.stack(errors).sum(0).argmin())] if errors else DEFAULT_PENALTY


def _head(
    network: Network, bound: BoundTask, regressions: Sequence[Regression], penalty: float, device: torch.device
) -> LinearHead | PooledHead:
    """The solution as a head; an attribute without a label gets a logit of 0."""
    with torch.random.fork_rng(devices=[]):  # the start that is about to be replaced draws random numbers
        head = (LinearHead if bound.task.kind.dense else PooledHead)(network.info, bound.task.channels)
    weight, bias = (torch.zeros_like(parameter) for parameter in head.predict.parameters())
    for regression in regressions:
        own_weight, own_bias = (part.to(weight) for part in regression.weights(penalty))
        columns = slice(None) if regression.columns is None else regression.columns.cpu()
        weight[columns], bias[columns] = own_weight.view(len(own_bias), *weight.shape[1:]), own_bias
    head.predict.load_state_dict({"weight": weight, "bias": bias})
    return head.to(device)
