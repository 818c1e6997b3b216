"""AdamW with sensible parameter groups, and the warm-up + cosine schedule."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from torch import nn
from torch.optim import AdamW, Optimizer

from mstasks.network import Network
from mstasks.recipe.model import Optim
from mstasks.train.weighting import LossWeighting

if TYPE_CHECKING:
    from mstasks.meta.update import Update
    from mstasks.sparsity.strength.base import Strength


def named_parameters(modules: Mapping[str, nn.Module]) -> Iterator[tuple[str, nn.Parameter]]:
    """Everything in the modules that is optimised, by the name that checkpoints use: ``module.parameter``."""
    for prefix, module in modules.items():
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                yield f"{prefix}.{name}", parameter


def build_optimizer(
    network: Network, weighting: LossWeighting, optim: Optim, update: Update, strength: Strength | None = None
) -> AdamW:
    """Fused AdamW.

    Weight decay touches matrices and filters only: norms, biases and log-variances are one-dimensional and excluded.
    The backbone has its own rate if `optim.backbone_lr` is given. Parameters of the update and the strength come in
    groups of their own, without decay; the constant rate that they may ask for is not scheduled.
    """
    groups: dict[tuple[float, float], dict[str, object]] = {}
    for name, parameter in named_parameters({"network": network, "weighting": weighting}):
        in_backbone = name.startswith("network.backbone.") and optim.backbone_lr is not None
        rate = optim.backbone_lr if in_backbone and optim.backbone_lr else optim.lr
        decay = optim.weight_decay if parameter.dim() > 1 else 0.0
        group = groups.setdefault((rate, decay), _group(rate, decay, scheduled=True))
        group["params"].append((name, parameter))  # type: ignore[attr-defined]
    extras: list[tuple[str, nn.Module, float | None]] = [("update", update, update.rate)]
    if strength is not None:
        extras.append(("strength", strength, strength.rate))
    own = []
    for prefix, module, constant in extras:
        group = _group(constant or optim.lr, 0.0, scheduled=constant is None)
        group["params"] = list(named_parameters({prefix: module}))
        own += [group] if group["params"] else []
    return AdamW([*groups.values(), *own], lr=optim.lr, fused=True)


def _group(rate: float, decay: float, *, scheduled: bool) -> dict[str, object]:
    return {"params": [], "lr": rate, "peak_lr": rate, "weight_decay": decay, "scheduled": scheduled}


def warmup_cosine(step: int, steps: int, warmup: float) -> float:
    """Factor of the peak learning rate for 0-based ``step``: linear up over ``warmup * steps``, then cosine to 0."""
    rise = max(1, round(warmup * steps)) if warmup else 0
    if step < rise:
        return (step + 1) / rise
    progress = (step - rise) / max(1, steps - rise)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def set_rates(optimizer: Optimizer, factor: float) -> None:
    """Set the learning rate of every scheduled group to its peak times the factor.

    The rate is a function of the step alone, so a checkpoint need not hold a scheduler.
    """
    for group in optimizer.param_groups:
        if group["scheduled"]:
            group["lr"] = group["peak_lr"] * factor
