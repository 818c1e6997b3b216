"""Gradient steps of an adaptation: phases, three learning rates, frozen norm statistics in what is reused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import AdamW

from mstasks.adapt.options import TuneOptions
from mstasks.adapt.session import Session
from mstasks.adapt.strategy import Phase
from mstasks.data.batch import Batch
from mstasks.modes import evaluating
from mstasks.train.finite import NonFiniteError
from mstasks.train.forward import forward
from mstasks.train.losses import task_losses
from mstasks.train.optim import set_rates, warmup_cosine

_CHECKS = 10
"""With images held out, the weights are judged so many times over all steps."""


def tune(session: Session, phases: Sequence[Phase], options: TuneOptions) -> None:
    """Train the session's network through the phases, AdamW with a short warm-up and a cosine decay in each.

    Norms of reused parts keep their running statistics, and dropout is off there: a few images say less about them than
    all that the parts were trained on.

    Args:
        session: What to train; its network is left in evaluation mode, everything trainable as before.
        phases: Run in order.
        options: Batch size, decay, warm-up, clipping.

    Raises:
        NonFiniteError: If a loss or a gradient is not finite; before the step.
    """
    batches = session.support.stream(options.batch_size, sum(phase.steps for phase in phases))
    best = _Best(session)
    trainable = {name for name, parameter in session.network.named_parameters() if parameter.requires_grad}
    _set_modes(session)
    try:
        step = 0
        for phase in phases:
            optimizer = _optimizer(session, phase, options)
            for own in range(phase.steps):
                set_rates(optimizer, warmup_cosine(own, phase.steps, options.warmup))
                _step(session, phase, next(batches), optimizer, options, step)
                step += 1
                best.look(step, sum(each.steps for each in phases))
    finally:
        for name, parameter in session.network.named_parameters():
            parameter.requires_grad_(name in trainable)
            parameter.grad = None
        session.network.eval()
    best.restore()


def _set_modes(session: Session) -> None:
    session.network.eval()
    for part in session.fresh:
        session.network.get_submodule(part).train()


def _optimizer(session: Session, phase: Phase, options: TuneOptions) -> AdamW:
    """AdamW over what the phase trains; everything else asks for no gradient."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in session.network.named_parameters():
        rate = phase.rate(name, parameter.dim(), session.new, session.seen.tasks)
        parameter.requires_grad_(rate is not None)
        if rate is not None:
            decay = options.weight_decay if parameter.dim() > 1 else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    described = [
        {"params": parameters, "lr": rate, "peak_lr": rate, "weight_decay": decay, "scheduled": True}
        for (rate, decay), parameters in groups.items()
    ]
    return AdamW(described, fused=True)


def _step(session: Session, phase: Phase, batch: Batch, optimizer: AdamW, options: TuneOptions, step: int) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss, own = _loss(session, batch.to(session.device), alone=phase.head_alone)
    _require_finite(loss, "the loss", session, step)
    loss.backward()  # type: ignore[no-untyped-call]
    if session.zeros is not None:
        session.zeros.mask_gradients()
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    norm = get_total_norm(parameter.grad for parameter in parameters if parameter.grad is not None)
    _require_finite(norm, "a gradient", session, step)
    if options.clip is not None:
        clip_grads_with_norm_(parameters, options.clip, norm)
    optimizer.step()
    if session.zeros is not None:
        session.zeros.apply()
    session.log(step + 1, {session.bound.name: float(own)})


def _require_finite(value: Tensor, what: str, session: Session, step: int) -> None:
    if not bool(torch.isfinite(value)):
        raise NonFiniteError(
            f"step {step + 1}: {what} of task {session.bound.name!r} is not finite. Lower the rates of the strategy, "
            "such as `adapt.strategy.new_lr=1e-3`."
        )


def _loss(session: Session, batch: Batch, *, alone: bool) -> tuple[Tensor, Tensor]:
    """The whole loss of a batch, and the task's own; alone where nothing that the seen tasks read is trained."""
    bound, seen = session.bound, () if alone else tuple(session.seen.tasks)
    predictions = forward(session.network, batch.images, session.precision, tasks=(bound.name, *seen))
    sums = task_losses(predictions, batch.targets, {bound.name: bound})[bound.name]
    own = sums.total / sums.count.clamp(min=1)
    # A weight is for a task beside others; by itself it would only move the clipping.
    whole = bound.weight * own + session.seen.loss(predictions, batch) if seen else own
    return whole, own.detach()


@dataclass
class _Best:
    """The weights with the least loss on the images that are held out; does nothing if there are none."""

    session: Session
    least: float = float("inf")
    state: dict[str, Tensor] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)

    def look(self, step: int, steps: int) -> None:
        """Judge the weights after a step, from time to time and at the end."""
        held = self.session.support.held_out
        if not held or (step % max(1, steps // _CHECKS) and step != steps):
            return
        self.batches = self.batches or self.session.support.plain(held)
        loss = self._loss()
        if loss < self.least:
            self.least, self.state = loss, self.session.state()

    def restore(self) -> None:
        """Put the best weights back."""
        if self.state:
            self.session.network.load_state_dict(self.state)

    def _loss(self) -> float:
        total, count = torch.zeros(()), torch.zeros(())
        with evaluating(self.session.network):
            for sums in self._sums():
                total, count = total + sums[0], count + sums[1]
        return float(total / count.clamp(min=1))

    def _sums(self) -> Iterator[tuple[Tensor, Tensor]]:
        bound = self.session.bound
        for batch in self.batches:
            on_device = batch.to(self.session.device)
            predictions = forward(self.session.network, on_device.images, self.session.precision, tasks=(bound.name,))
            sums = task_losses(predictions, on_device.targets, {bound.name: bound})[bound.name]
            yield sums.total.cpu(), sums.count.cpu()
