"""One training step: gradients, one update, and what makes the network sparse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.distributed import sum_over_ranks
from mstasks.recipe.model import Optim
from mstasks.train.finite import NonFiniteError, culprits
from mstasks.train.objective import Objective
from mstasks.train.optim import set_rates, warmup_cosine
from mstasks.train.state import TrainState


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step leaves for the log; tensors, so that the device need not be waited for.

    Attributes:
        losses: Mean loss of each task over its labelled examples.
        counts: Labelled examples of each task.
        gradient_norm: Global norm before clipping.
        skipped: Whether the update was skipped.
        notes: What a person should know about the step.
    """

    losses: Mapping[str, Tensor]
    counts: Mapping[str, Tensor]
    gradient_norm: Tensor
    skipped: bool = False
    notes: tuple[str, ...] = ()


def train_step(state: TrainState, batch: Batch, tasks: Mapping[str, BoundTask], optim: Optim) -> StepResult:
    """The update's gradients, one step of the optimiser, and what the strength does after it.

    A task's loss is the mean over its labelled examples of the whole step, however it is cut into micro-batches and
    dealt over ranks; `batch` is this rank's part.

    Raises:
        NonFiniteError: If a loss or gradient is not finite and the recipe says `optim.non_finite: stop`; before the
            update, so the weights are still good.
    """
    strength, step = state.strength, state.step
    state.optimizer.zero_grad(set_to_none=True)
    set_rates(state.optimizer, warmup_cosine(step, optim.steps, optim.warmup))
    buffers = [buffer.clone() for buffer in state.network.buffers()] if optim.non_finite == "skip" else []
    if strength is not None:
        strength.begin(step)
    objective = Objective(state.network, state.weighting, tasks, optim)
    result = state.update.gradients(state, batch.to(state.device), objective)
    losses = result.losses
    sum_over_ranks([*losses.values(), *_gradients(state)])
    if strength is not None:
        strength.part.mask_gradients()
    norm = torch.nn.utils.get_total_norm([p.grad for p in _clipped(state) if p.grad is not None], foreach=True)
    extras = [p.grad.sum() for module in state.extras.values() for p in module.parameters() if p.grad is not None]
    finite = bool(torch.isfinite(norm + torch.stack([*losses.values(), *extras]).sum()))
    if not finite:
        _stop_or_skip(state, losses, buffers, optim)
    else:
        _clip(state, optim.clip, norm)
        state.optimizer.step()
        if strength is not None:
            strength.act(step)
        if state.average is not None:
            state.average.update_parameters(state.network)
        if strength is not None:
            strength.part.hold(state.averaged)
    state.step += 1
    return StepResult(losses, result.counts, norm, skipped=not finite, notes=result.notes)


def _gradients(state: TrainState) -> list[Tensor]:
    return [parameter.grad for parameter in _parameters(state) if parameter.grad is not None]


def _clip(state: TrainState, limit: float | None, norm: Tensor) -> None:
    if limit is not None:
        torch.nn.utils.clip_grads_with_norm_(_clipped(state), limit, norm, foreach=True)


def _clipped(state: TrainState) -> list[Tensor]:
    return [parameter for module in (state.network, state.weighting) for parameter in module.parameters()]


def _parameters(state: TrainState) -> list[Tensor]:
    return [parameter for group in state.optimizer.param_groups for parameter in group["params"]]


def _stop_or_skip(state: TrainState, losses: Mapping[str, Tensor], buffers: Sequence[Tensor], optim: Optim) -> None:
    """Raise, or undo what the forward pass did to the norms' running statistics and count the step."""
    if optim.non_finite == "stop":
        raise NonFiniteError(
            f"step {state.step + 1}: {culprits(losses, state.network)}. The weights were not updated. "
            "Lower `optim.lr`, or set `optim.non_finite: skip` to count such steps and go on."
        )
    for buffer, before in zip(state.network.buffers(), buffers, strict=True):
        buffer.copy_(before)
    state.optimizer.zero_grad(set_to_none=True)
    state.skipped += 1
