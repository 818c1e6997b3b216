"""Running statistics of BatchNorm, estimated anew at the weights as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from mstasks.data.batch import Batch
from mstasks.device import Precision
from mstasks.network import Network
from mstasks.train.forward import forward


@torch.no_grad()
def recalibrate(
    network: Network, batches: Iterable[Batch], device: torch.device, precision: Precision = "float32"
) -> None:
    """Set the running mean and variance of every BatchNorm to their averages over the batches, all weighted alike.

    During training they lag behind the weights, and more so where weights are removed or where some passes were taken
    elsewhere. Nothing else changes, and nothing is drawn: unlike in `torch.optim.swa_utils.update_bn`, only the
    BatchNorms are in training mode, so that dropout and drop path neither disturb the statistics nor the random
    generators, and each module's own mode comes back. A network without BatchNorm is not run.

    Args:
        network: On the device, in any mode.
        batches: Train images; what is in the network afterwards depends on their order only by rounding.
        device: Where to compute.
        precision: Of the passes.

    Raises:
        ValueError: If there is no batch; the statistics are as before.
        UsageError: If a batch leaves a norm layer a single value per channel.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    if not norms:
        return
    seen = 0
    with _estimating(network, norms):
        for batch in batches:
            if seen == 0:
                for norm in norms:
                    norm.reset_running_stats()
            forward(network, batch.images.to(device), precision)
            seen += 1
    if seen == 0:
        raise ValueError("`batches` must hold at least one batch to take statistics of. Found none.")


@contextmanager
def _estimating(network: nn.Module, norms: list[_BatchNorm]) -> Iterator[None]:
    """The norms average cumulatively (momentum None) while everything else is as in evaluation."""
    modes = [(module, module.training) for module in network.modules()]
    momenta = [(norm, norm.momentum) for norm in norms]
    network.eval()
    for norm in norms:
        norm.training, norm.momentum = True, None  # not `train()`, which would reach what a fused norm contains
    try:
        yield
    finally:
        for norm, momentum in momenta:
            norm.momentum = momentum
        for module, mode in modes:
            module.training = mode
