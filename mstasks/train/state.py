"""Everything that a training step changes, in one place: what checkpoints hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mstasks.meta.update import Update
from mstasks.network import Network
from mstasks.recipe.model import Optim
from mstasks.train.optim import build_optimizer
from mstasks.train.weighting import LossWeighting

if TYPE_CHECKING:
    from mstasks.sparsity.strength.base import Strength


@dataclass(slots=True)
class TrainState:
    """The state of a training run.

    Attributes:
        network: The network, on its device.
        weighting: The loss weighting.
        update: How a step's gradients come about.
        strength: Makes the shared part sparse, or None.
        optimizer: AdamW over all of them.
        average: Averaged weights (EMA), or None.
        step: Steps done.
        skipped: Steps skipped because something was not finite.
        seconds: Time spent training, over all sessions of a resumed run.
        best_score: Best selection score so far, None before the first validation.
        best_step: Step of the best score.
    """

    network: Network
    weighting: LossWeighting
    update: Update
    strength: Strength | None
    optimizer: AdamW
    average: AveragedModel | None
    step: int = 0
    skipped: int = 0
    seconds: float = 0.0
    best_score: float | None = None
    best_step: int = field(default=0)

    @classmethod
    def create(
        cls,
        network: Network,
        weighting: LossWeighting,
        optim: Optim,
        device: torch.device,
        update: Update,
        strength: Strength | None = None,
    ) -> TrainState:
        """Move everything to the device and build the optimiser, the schedule and the averaged weights."""
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for module in (weighting, update, *([] if strength is None else [strength])):
            module.to(device)
        average = None
        if optim.ema is not None:
            ema = get_ema_multi_avg_fn(optim.ema)  # type: ignore[no-untyped-call]
            average = AveragedModel(network, multi_avg_fn=ema, use_buffers=True)
        optimizer = build_optimizer(network, weighting, optim, update, strength)
        if strength is not None:
            strength.part.attach(optimizer)
        return cls(network, weighting, update, strength, optimizer, average)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    @property
    def extras(self) -> dict[str, nn.Module]:
        """By name, what checkpoints hold besides the network."""
        extras: dict[str, nn.Module] = {"weighting": self.weighting, "update": self.update}
        return extras if self.strength is None else {**extras, "strength": self.strength}

    @property
    def averaged(self) -> Network | None:
        """The network with averaged weights, if there is one."""
        return None if self.average is None else cast("Network", self.average.module)

    @property
    def evaluated(self) -> Network:
        """The network that is evaluated and kept: averaged weights if there are any."""
        return self.averaged or self.network
