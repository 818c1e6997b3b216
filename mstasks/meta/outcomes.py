"""From the episodes of a step to one mean gradient, on all ranks; episodes that are not finite are kept out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from mstasks.distributed import sum_over_ranks, texts_of_all
from mstasks.meta.episode import Episode
from mstasks.meta.inner import Gradients
from mstasks.train.finite import NonFiniteError
from mstasks.train.losses import LossSum
from mstasks.train.objective import StepLosses

_SHOWN = 3
_REMEDY = (
    "The weights were not updated. Lower `meta.update.rate` or `optim.lr`, or set `optim.non_finite: skip` to leave "
    "such episodes out."
)


class Outcomes:
    """Sums over this rank's episodes of a step.

    Args:
        parameters: What the optimiser moves, the network's first.
        tasks: Names of the recipe's tasks.

    Attributes:
        bad: Episodes that were not finite; over all ranks after `finish`.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], tasks: Sequence[str]) -> None:
        self._parameters = parameters
        self._sums = [torch.zeros_like(parameter) for parameter in parameters]
        self._reached = torch.zeros(len(parameters), dtype=torch.int64)
        # Of one type whether or not this rank has an episode on the task: ranks exchange a message for each type.
        self._totals = {name: parameters[0].new_zeros(()) for name in tasks}
        self._counts = {name: parameters[0].new_zeros((), dtype=torch.int64) for name in tasks}
        self._good, self.bad = 0, 0
        self._reasons: list[str] = []

    def add(self, gradients: Gradients, sums: Mapping[str, LossSum], reason: str) -> None:
        """Count an episode in, or out if it is not finite.

        Args:
            gradients: In the order of the parameters, None for zero.
            sums: Query losses of the episode's tasks.
            reason: What to say if it is not finite.
        """
        present = [gradient for gradient in gradients if gradient is not None]
        losses = torch.stack([loss.total.detach() for loss in sums.values()]).sum()
        if not bool(torch.isfinite(losses + torch.nn.utils.get_total_norm(present, foreach=True))):
            self.bad += 1
            self._reasons.append(reason)
            return
        self._good += 1
        self._reached += torch.tensor([gradient is not None for gradient in gradients])
        if present:
            pairs = zip(self._sums, gradients, strict=True)
            torch._foreach_add_([total for total, gradient in pairs if gradient is not None], present)
        for name, loss in sums.items():
            self._totals[name].add_(loss.total.detach())
            self._counts[name].add_(loss.count)

    def finish(self, *, stop: bool) -> StepLosses:
        """Add this rank's part of the mean gradient to the `.grad` of what an episode of any rank reached.

        Returns:
            Mean query losses; NaN if no episode of any rank was finite, so that the step is skipped. Episodes that were
            left out are named in `notes`.

        Raises:
            NonFiniteError: On every rank if an episode of any was not finite and `stop` is set.
        """
        counted = torch.tensor([self._good, self.bad])
        sum_over_ranks([counted, self._reached])
        good, self.bad = counted.tolist()
        reasons = texts_of_all(self._reasons) if self.bad else []
        if stop and self.bad:
            raise NonFiniteError(f"{reasons[0]} {_REMEDY}")
        if good > 1:
            torch._foreach_div_(self._sums, good)
        for parameter, total, times in zip(self._parameters, self._sums, self._reached.tolist(), strict=True):
            if times:
                parameter.grad = total if parameter.grad is None else parameter.grad + total
        sum_over_ranks(self._counts.values())
        losses = {name: total / self._counts[name].clamp(min=1) for name, total in self._totals.items()}
        if not good:
            losses = {name: torch.full_like(loss, torch.nan) for name, loss in losses.items()}
        return StepLosses(losses, self._counts, tuple(f"{reason} It was left out." for reason in reasons))


def not_finite(step: int, episode: Episode, tasks: Sequence[str]) -> str:
    """Name an episode, for the person who has to find out what is wrong with it.

    Args:
        step: 0-based step.
        episode: Its images.
        tasks: Its tasks.
    """
    return (
        f"step {step + 1}: an episode is not finite: tasks {_listed(tasks)}, support images "
        f"{_listed(episode.support.ids)}, query images {_listed(episode.query.ids)}."
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
