"""Saliency during training: measured for one task in turn, and of several tasks' saliencies made one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal

from torch import Tensor, nn

from mstasks.sparsity.gates import find_gates
from mstasks.sparsity.lineup import Lineup
from mstasks.sparsity.saliency import GateSaliency
from mstasks.sparsity.schedule import Turns

if TYPE_CHECKING:
    from mstasks.sparsity.part import SparsePart
    from mstasks.train.losses import LossSum

AcrossTasks = Literal["maximum", "mean"]


class Measurement(nn.Module):
    """Measures the gates of a part's channels when it is a task's turn; in between, nothing is kept.

    Args:
        part: Whose channels.
        turns: At which steps, for which task.
        decay: Of the moving averages.
        kind: ``fisher`` or ``taylor``.
    """

    def __init__(self, part: SparsePart, turns: Turns, decay: float, kind: Literal["fisher", "taylor"]) -> None:
        super().__init__()
        self._part, self._turns = part, turns
        gates = find_gates(part.network, part.groups, part.size)
        self.saliency = GateSaliency(part.network, gates, part.groups, turns.tasks, decay, kind)

    def begin(self, step: int) -> None:
        """Before the forward pass of 0-based step `step`: start if it is a task's turn."""
        self.saliency.close()  # of a step that was skipped
        task = self._turns.task(step)
        if task is not None:
            self.saliency.start(task)

    def watch(self) -> AbstractContextManager[None]:
        """Around the forward pass of each micro-batch."""
        return self.saliency.watch()

    def observe(self, losses: Mapping[str, LossSum]) -> None:
        """Between the forward and the backward pass of each micro-batch."""
        self.saliency.observe(losses)

    def finish(self) -> None:
        """After the update: average what was measured, if anything was; a task without labels is passed on."""
        self.saliency.finish()

    def shares(self) -> dict[str, Tensor] | None:
        """`GateSaliency.shares` over the alive channels; None if nothing was measured, or nothing matters."""
        shares = self.saliency.shares(self._part.alive)
        return shares if any(bool(share.any()) for share in shares.values()) else None

    def combined(self, lineup: Lineup, across: AcrossTasks = "maximum") -> Tensor | None:
        """s_g of the alive groups, float64, shape (N,), on the CPU; None if nothing was measured."""
        shares = self.shares()
        return None if shares is None else combine(lineup.values(shares), across)

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """Names of the tasks that were never measured."""
        measured = self.saliency.measured.tolist()
        return tuple(name for name, once in zip(self._turns.tasks, measured, strict=True) if not once)


def combine(shares: Tensor, across: AcrossTasks = "maximum") -> Tensor:
    """s_g: one saliency from every task's, shape (N,). With the maximum, no task pays alone for the others.

    Args:
        shares: >= 0, shape (tasks, N), not all zero. A task with nothing but zeros was not measured and is left out.
        across: Maximum or mean over tasks.
    """
    measured = shares[shares.any(dim=1)]
    return measured.amax(dim=0) if across == "maximum" else measured.mean(dim=0)
