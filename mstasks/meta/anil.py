"""ANIL: the inner loop adapts heads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mstasks.meta.episodic import Episodic
from mstasks.meta.options import AnilOptions

if TYPE_CHECKING:
    from mstasks.network import Network


class Anil(Episodic):
    """Every episode is about all tasks; their heads adapt, and the shared part learns to serve adapted heads.

    Raghu, Raghu, Bengio, Vinyals 2020, "Rapid learning or feature reuse? Towards understanding the effectiveness of
    MAML".
    """

    def __init__(self, network: Network, tasks: Sequence[str], steps: int, seed: int, options: AnilOptions) -> None:
        super().__init__(network, tasks, steps, seed, options, prefix="heads.")

    def draw(self, step: int, index: int) -> tuple[str, ...]:  # noqa: ARG002 - the same at every step
        """All tasks."""
        return self.tasks
