"""How sparse a network is at one step of training: what is shown live and logged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch

from mstasks.sparsity.alive import zero_groups
from mstasks.sparsity.part import SparsePart
from mstasks.sparsity.significant import significant
from mstasks.sparsity.strength.base import Readings, Strength


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Sparsity at one step.

    Attributes:
        macs: MACs of the scope with its zero channels removed, as a fraction of those with all channels, in (0, 1].
        zero_groups: Fraction of groups that are exactly zero, in [0, 1].
        readings: What the strength shows.
        channels: Channels left by channel space, at least one in each.
    """

    macs: float
    zero_groups: float
    readings: Readings
    channels: Mapping[str, int]

    def row(self) -> dict[str, Any]:
        """What metrics.jsonl holds under ``sparsity``.

        ``{"macs", "zero_groups", "strength": {"name", "values": {space or "all": value}}, "channels": {space: count}}``
        """
        values = {space: significant(value) for space, value in self.readings.values.items()}
        return {
            "macs": self.macs,
            "zero_groups": self.zero_groups,
            "strength": {"name": self.readings.name, "values": values},
            "channels": dict(self.channels),
        }

    def live(self) -> str:
        """One line beside the losses, such as ``MACs 72.3 %  zero 14.0 %  price 3.1e-09``."""
        shown = f"MACs {100 * self.macs:.1f} %  zero {100 * self.zero_groups:.1f} %"
        if not self.readings.values:
            return shown
        return f"{shown}  {self.readings.name} {_spread(self.readings.values.values())}"


@torch.no_grad()
def take_snapshot(strength: Strength) -> Snapshot:
    """Count zeros as they are now; waits for the device."""
    part = strength.part
    counts = part.counts()
    return Snapshot(
        macs=int(part.costs.macs(counts)) / int(part.costs.macs(part.costs.full)),
        zero_groups=_zero_fraction(part),
        readings=strength.readings(),
        channels=dict(zip(part.costs.spaces.names, counts.tolist(), strict=True)),
    )


def _zero_fraction(part: SparsePart) -> float:
    tensors = part.parameters
    zeros = torch.stack([zero_groups(space, tensors).sum() for space in part.groups.spaces])
    return int(zeros.sum()) / int(part.groups.sizes.sum())


def _spread(values: Iterable[float]) -> str:
    numbers = list(values)
    if len(numbers) == 1:
        return _short(numbers[0])
    spread = (min(numbers), median(numbers), max(numbers))
    return "/".join(map(_short, spread)) + " (min/median/max)"


def _short(value: float) -> str:
    """Two digits in scientific notation, one if the second is zero: 3.1e-09, 1e-05."""
    return "0" if value == 0 else f"{value:.1e}".replace(".0e", "e")
