"""What of a network is trained, frozen and zero: the table that stands before an adaptation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mstasks.adapt.strategy import Phase, part_of
from mstasks.network import Network


@dataclass(frozen=True, slots=True)
class PartRow:
    """One part of the network.

    Attributes:
        name: ``backbone``, ``trunk``, ``heads.<task>``.
        new: Whether it starts afresh.
        parameters: How many.
        zero: How many of them are zero and stay so.
        rates: Peak learning rate in each phase; None where all of it is frozen.
    """

    name: str
    new: bool
    parameters: int
    zero: int
    rates: tuple[float | None, ...]


def part_rows(
    network: Network, new: Collection[str], seen: Collection[str], phases: Sequence[Phase], zero: dict[str, int]
) -> list[PartRow]:
    """A row for each part, in the order of the network.

    Args:
        network: The network.
        new: Parts that start afresh.
        seen: Tasks whose heads are trained along.
        phases: Of the strategy.
        zero: Zero parameters that stay zero, by part.
    """
    trained = {part.removeprefix("heads.") for part in new if part.startswith("heads.")} | set(seen)
    read = any(getattr(network.heads[task], "reads_trunk", True) for task in trained)
    counts: dict[str, int] = {}
    rates: dict[str, list[float | None]] = {}
    for name, parameter in network.named_parameters():
        part = part_of(name)
        counts[part] = counts.get(part, 0) + parameter.numel()
        own = rates.setdefault(part, [None] * len(phases))
        for index, phase in enumerate(phases):
            rate = None if part == "trunk" and not read else phase.rate(name, parameter.dim(), new, seen)
            own[index] = rate if rate is not None else own[index]
    return [PartRow(part, part in new, counts[part], zero.get(part, 0), tuple(rates[part])) for part in counts]
