"""The look-ahead update: the mean of a gradient here and of one a small step further along it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from mstasks.data.batch import Batch
from mstasks.distributed import sum_over_ranks
from mstasks.meta.episode import split
from mstasks.meta.options import LookAheadOptions
from mstasks.meta.update import Update
from mstasks.network import Network
from mstasks.train.objective import Objective, StepLosses
from mstasks.train.state import TrainState


class LookAhead(Update):
    """Every step is an episode: the query images are seen after a step along the gradient on the support images.

    g_S = grad L_S(theta), theta' = theta - alpha g_S / (sqrt(v) + eps), g_Q = grad L_Q(theta'); the optimiser gets
    (g_S + g_Q) / 2. Here v is AdamW's bias-corrected second moment with g_S included, as if AdamW took the step:
    without g_S it is zero at a parameter's first step, and g / eps would throw the weight away. alpha is `rate` times
    the parameter's learning rate of this step. The whole network takes the step, heads too; the loss weighting does
    not. Outside the window, steps are plain.

    Args:
        network: See `Update`.
        tasks: See `Update`.
        steps: See `Update`.
        seed: See `Update`; nothing is drawn.
        options: See `LookAheadOptions`.
    """

    def __init__(
        self, network: Network, tasks: Sequence[str], steps: int, seed: int, options: LookAheadOptions
    ) -> None:
        super().__init__(network, tasks, steps, seed)
        self._rate, self._window = options.rate, options.window

    def gradients(self, state: TrainState, batch: Batch, objective: Objective) -> StepLosses:
        """See `Update`; the strength observes the support images, which are seen at the current weights.

        Raises:
            UsageError: If this rank's part of the batch has no two different images.
        """
        strength = state.strength
        if not self._window[0] <= state.step / self.steps < self._window[1]:
            return objective.backward(batch, watcher=strength)
        network, episode = state.network, split(batch, 1)[0]  # S, Q
        parts = -(-objective.optim.accumulate // 2)  # as large as those of a plain step
        support = objective.backward(episode.support, 0.5, strength, parts)  # g_S <- grad L_S(theta), half of it
        if strength is not None:
            strength.part.mask_gradients()  # a removed channel stays zero at theta'
        with _restored([*network.parameters(), *network.buffers()]):
            _step_ahead(state.optimizer, network, self._rate)  # theta' <- theta - alpha g_S / (sqrt(v) + eps)
            query = objective.backward(
                episode.query, 0.5, accumulate=parts
            )  # g_Q <- grad L_Q(theta'); the halves add up
        return _pooled(support, query)


@contextmanager
def _restored(tensors: list[Tensor]) -> Iterator[None]:
    """Give the tensors their values back in the end, bit by bit."""
    copies = [torch.empty_like(tensor) for tensor in tensors]
    with torch.no_grad():
        torch._foreach_copy_(copies, tensors)
    try:
        yield
    finally:
        with torch.no_grad():
            torch._foreach_copy_(tensors, copies)


@torch.no_grad()
def _step_ahead(optimizer: Optimizer, network: Network, rate: float) -> None:
    """Move the network as AdamW without momentum would, by `rate` times its learning rate; `.grad` holds g_S / 2."""
    own = {id(parameter) for parameter in network.parameters()}
    groups: list[list[Tensor]] = [
        [p for p in g["params"] if id(p) in own and p.grad is not None] for g in optimizer.param_groups
    ]
    halves = [[p.grad for p in moved if p.grad is not None] for moved in groups]
    gradients = [list(torch._foreach_mul(half, 2.0)) if half else [] for half in halves]
    sum_over_ranks([gradient for group in gradients for gradient in group])  # `.grad` stays this rank's part
    for settings, moved, found in zip(optimizer.param_groups, groups, gradients, strict=True):
        if moved:
            denominators = _denominators(optimizer, settings, moved, found)
            torch._foreach_addcdiv_(moved, found, denominators, -rate * settings["lr"])


def _denominators(
    optimizer: Optimizer, settings: dict[str, Any], moved: list[Tensor], gradients: list[Tensor]
) -> list[Tensor]:
    """sqrt(v) + eps with v = (beta v_t + (1 - beta) g^2) / (1 - beta^(t + 1)), t the steps that a parameter has had."""
    beta = settings["betas"][1]
    states = [optimizer.state.get(parameter) for parameter in moved]
    pairs = list(zip(states, moved, strict=True))
    moments = [state["exp_avg_sq"] if state else torch.zeros_like(p) for state, p in pairs]
    steps = torch.stack([state["step"] if state else torch.zeros((), device=p.device) for state, p in pairs])
    seconds = list(torch._foreach_mul(moments, beta))
    torch._foreach_addcmul_(seconds, gradients, gradients, 1 - beta)
    # 1 - beta^(t + 1), without the cancellation that costs float32 four digits at t = 0.
    corrections = -torch.expm1((steps.to(seconds[0].dtype) + 1) * math.log(beta))
    torch._foreach_sqrt_(seconds)
    torch._foreach_div_(seconds, corrections.sqrt().unbind())
    torch._foreach_add_(seconds, settings["eps"])
    return seconds


def _pooled(support: StepLosses, query: StepLosses) -> StepLosses:
    """Losses over the examples of both sets."""
    counts = {name: count + query.counts[name] for name, count in support.counts.items()}
    losses = {}
    for name, count in counts.items():
        total = support.losses[name] * support.counts[name] + query.losses[name] * query.counts[name]
        losses[name] = total / count.clamp(min=1)
    return StepLosses(losses, counts)
