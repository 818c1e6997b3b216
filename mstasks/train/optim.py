"""AdamW with sensible parameter groups, and the warm-up + cosine schedule."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import nn
from torch.optim import AdamW, Optimizer

from mstasks.network import Network
from mstasks.recipe.model import Optim
from mstasks.train.weighting import LossWeighting


def named_parameters(network: Network, weighting: LossWeighting) -> Iterator[tuple[str, nn.Parameter]]:
    """Everything that is optimised, by the name that checkpoints use."""
    for prefix, module in (("network", network), ("weighting", weighting)):
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                yield f"{prefix}.{name}", parameter


def build_optimizer(network: Network, weighting: LossWeighting, optim: Optim) -> AdamW:
    """Fused AdamW.

    Weight decay touches matrices and filters only: norms, biases and log-variances are one-dimensional and excluded.
    The backbone has its own rate if `optim.backbone_lr` is given.
    """
    groups: dict[tuple[float, float], dict[str, object]] = {}
    for name, parameter in named_parameters(network, weighting):
        in_backbone = name.startswith("network.backbone.") and optim.backbone_lr is not None
        rate = optim.backbone_lr if in_backbone and optim.backbone_lr else optim.lr
        decay = optim.weight_decay if parameter.dim() > 1 else 0.0
        group = groups.setdefault((rate, decay), {"params": [], "lr": rate, "peak_lr": rate, "weight_decay": decay})
        group["params"].append((name, parameter))  # type: ignore[attr-defined]
    return AdamW(list(groups.values()), lr=optim.lr, fused=True)


def warmup_cosine(step: int, steps: int, warmup: float) -> float:
    """Factor of the peak learning rate for 0-based ``step``: linear up over ``warmup * steps``, then cosine to 0."""
    rise = max(1, round(warmup * steps)) if warmup else 0
    if step < rise:
        return (step + 1) / rise
    progress = (step - rise) / max(1, steps - rise)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def set_rates(optimizer: Optimizer, factor: float) -> None:
    """Set every group's learning rate to its peak times the factor.

    The rate is a function of the step alone, so a checkpoint need not hold a scheduler.
    """
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor
