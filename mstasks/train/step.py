"""One training step: micro-batches, one objective, one update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.device import Precision
from mstasks.distributed import sum_over_ranks, world
from mstasks.recipe.model import Optim
from mstasks.train.finite import NonFiniteError, culprits
from mstasks.train.forward import forward
from mstasks.train.losses import task_losses
from mstasks.train.optim import set_rates, warmup_cosine
from mstasks.train.state import TrainState
from mstasks.train.weighting import objective


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step leaves for the log; tensors, so that the device need not be waited for.

    Attributes:
        losses: Mean loss of each task over its labelled examples.
        counts: Labelled examples of each task.
        gradient_norm: Global norm before clipping.
        skipped: Whether the update was skipped.
    """

    losses: Mapping[str, Tensor]
    counts: Mapping[str, Tensor]
    gradient_norm: Tensor
    skipped: bool = False


def train_step(state: TrainState, batch: Batch, tasks: Mapping[str, BoundTask], optim: Optim) -> StepResult:
    """Forward, backward over the micro-batches, and one update.

    A task's loss is the mean over its labelled examples of the whole step, however it is cut into micro-batches and
    dealt over ranks; `batch` is this rank's part.

    Raises:
        NonFiniteError: If a loss or gradient is not finite and the recipe says `optim.non_finite: stop`; before the
            update, so the weights are still good.
    """
    micro_batches = [part.to(state.device) for part in batch.split(optim.accumulate)]
    counts = _labelled_counts(micro_batches, tasks)
    state.optimizer.zero_grad(set_to_none=True)
    buffers = [buffer.clone() for buffer in state.network.buffers()] if optim.non_finite == "skip" else []
    losses = {name: torch.zeros((), device=state.device) for name in tasks}
    share = 1 / (len(micro_batches) * world())
    for part in micro_batches:
        means = _micro_losses(state, part, tasks, counts, optim.precision)
        objective(means, counts, state.weighting, share).backward()  # type: ignore[no-untyped-call]
        losses = {name: loss + means[name].detach() for name, loss in losses.items()}
    sum_over_ranks([*losses.values(), *_gradients(state)])
    norm = torch.nn.utils.get_total_norm(_gradients(state), foreach=True)
    finite = bool(torch.isfinite(norm + torch.stack(list(losses.values())).sum()))
    if not finite:
        _stop_or_skip(state, losses, buffers, optim)
    else:
        _clip(state, optim.clip, norm)
        set_rates(state.optimizer, warmup_cosine(state.step, optim.steps, optim.warmup))
        state.optimizer.step()
        if state.average is not None:
            state.average.update_parameters(state.network)
    state.step += 1
    return StepResult(losses, counts, norm, skipped=not finite)


def _labelled_counts(parts: Sequence[Batch], tasks: Mapping[str, BoundTask]) -> dict[str, Tensor]:
    counts = {}
    for name, bound in tasks.items():
        counts[name] = torch.stack([bound.labels(part.targets).labelled().sum() for part in parts]).sum()
    sum_over_ranks(counts.values())
    return counts


def _micro_losses(
    state: TrainState, part: Batch, tasks: Mapping[str, BoundTask], counts: Mapping[str, Tensor], precision: Precision
) -> dict[str, Tensor]:
    """A micro-batch's part of each task's mean loss over the step."""
    predictions = forward(state.network, part.images, precision)
    sums = task_losses(predictions, part.targets, tasks)
    return {name: loss.total / counts[name].clamp(min=1) for name, loss in sums.items()}


def _gradients(state: TrainState) -> list[Tensor]:
    return [parameter.grad for parameter in _parameters(state) if parameter.grad is not None]


def _clip(state: TrainState, limit: float | None, norm: Tensor) -> None:
    if limit is not None:
        torch.nn.utils.clip_grads_with_norm_(_parameters(state), limit, norm, foreach=True)


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
