"""Everything that a training step changes, in one place: what checkpoints hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import torch
from torch.optim import AdamW
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mstasks.network import Network
from mstasks.recipe.model import Optim
from mstasks.train.optim import build_optimizer
from mstasks.train.weighting import LossWeighting


@dataclass(slots=True)
class TrainState:
    """The state of a training run.

    Attributes:
        network: The network, on its device.
        weighting: The loss weighting.
        optimizer: AdamW over both.
        average: Averaged weights (EMA), or None.
        step: Steps done.
        skipped: Steps skipped because something was not finite.
        seconds: Time spent training, over all sessions of a resumed run.
        best_score: Best selection score so far, None before the first validation.
        best_step: Step of the best score.
    """

    network: Network
    weighting: LossWeighting
    optimizer: AdamW
    average: AveragedModel | None
    step: int = 0
    skipped: int = 0
    seconds: float = 0.0
    best_score: float | None = None
    best_step: int = field(default=0)

    @classmethod
    def create(cls, network: Network, weighting: LossWeighting, optim: Optim, device: torch.device) -> TrainState:
        """Move everything to the device and build the optimiser, the schedule and the averaged weights."""
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        weighting.to(device)
        average = None
        if optim.ema is not None:
            ema = get_ema_multi_avg_fn(optim.ema)  # type: ignore[no-untyped-call]
            average = AveragedModel(network, multi_avg_fn=ema, use_buffers=True)
        return cls(network, weighting, build_optimizer(network, weighting, optim), average)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @property
    def evaluated(self) -> Network:
        """The network that is evaluated and kept: averaged weights if there are any."""
        if self.average is None:
            return self.network
        return cast("Network", self.average.module)
