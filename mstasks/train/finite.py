"""Finding what is not finite, before it reaches the weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mstasks.errors import MstasksError
from mstasks.network import Network


class NonFiniteError(MstasksError):
    """A loss or a gradient is NaN or infinite."""


def culprits(losses: Mapping[str, Tensor], network: Network) -> str:
    """Say which task's loss, else which part's gradient, is not finite."""
    bad = [name for name, loss in losses.items() if not bool(torch.isfinite(loss))]
    if bad:
        return f"the loss of {_listed('task', bad)} is not finite"
    heads = [name for name, head in network.heads.items() if not gradients_are_finite(head)]
    if heads:
        return f"a gradient in the head of {_listed('task', heads)} is not finite"
    return f"a gradient of the shared part is not finite; it is shared by {_listed('task', sorted(losses))}"


def gradients_are_finite(module: torch.nn.Module) -> bool:
    """Whether every gradient of a module is finite."""
    return all(bool(torch.isfinite(p.grad).all()) for p in module.parameters() if p.grad is not None)


def _listed(noun: str, names: list[str]) -> str:
    return f"{noun}{'s' if len(names) > 1 else ''} {', '.join(repr(name) for name in names)}"
