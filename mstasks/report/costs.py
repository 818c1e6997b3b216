"""What each part of the network costs: with all its channels, and now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mstasks.compaction import shrink
from mstasks.experiment import Experiment
from mstasks.macs import Cost, network_cost, total_cost
from mstasks.network import Network
from mstasks.report.bars import Bar, bars
from mstasks.report.markup import Html
from mstasks.report.page import Section, figure, figures
from mstasks.report.wording import count, percent
from mstasks.runfolder import RunFolder


@dataclass(frozen=True, slots=True)
class PartCosts:
    """Costs by part of one network.

    Attributes:
        dense: With all channels.
        now: Without those that are zero.
    """

    dense: Mapping[str, Cost]
    now: Mapping[str, Cost]


def count_costs(experiment: Experiment, network: Network, run: RunFolder) -> PartCosts:
    """Count both with torch's own counter, for one image of the recipe's size.

    Args:
        experiment: Of the run.
        network: Its best network; left as it is.
        run: A run that `mstasks compact` made has lost its channels already.
    """
    size = experiment.recipe.data.size
    if run.structure.is_file():
        return PartCosts(network_cost(experiment.build_network(pretrained=False), size), network_cost(network, size))
    dense = network_cost(network, size)
    if experiment.recipe.sparsity is None:
        return PartCosts(dense, dense)
    small, _ = shrink(network.cpu(), size)
    return PartCosts(dense, network_cost(small, size))


def costs(counted: Mapping[str, PartCosts]) -> Section:
    """A bar for each part, of MACs and of parameters.

    Args:
        counted: By network; the names of several stand before their parts.
    """
    section = Section("Costs")
    if not counted:
        return section
    charts = [_chart(counted, key, name) for key, name in (("macs", "MACs"), ("parameters", "Parameters"))]
    return section.add(figures(*charts, halves=True))


def _chart(counted: Mapping[str, PartCosts], key: str, name: str) -> Html:
    parts = {
        f"{network}: {part}" if len(counted) > 1 else part: (getattr(each.now[part], key), getattr(dense, key))
        for network, each in counted.items()
        for part, dense in each.dense.items()
        if part in each.now
    }
    longest = max(dense for _, dense in parts.values()) or 1
    rows = [
        Bar(part, now / longest, count(now) if now == dense else f"{count(now)} of {count(dense)}", 0, dense / longest)
        for part, (now, dense) in parts.items()
    ]
    now, dense = (sum(getattr(total_cost(side), key) for side in sides) for sides in _sides(counted))
    left = "" if now == dense else f" of {count(dense)}, {percent(now / dense)}"
    return figure(bars(rows), f"{name}: {count(now)}{left}")


def _sides(counted: Mapping[str, PartCosts]) -> tuple[list[Mapping[str, Cost]], list[Mapping[str, Cost]]]:
    return [each.now for each in counted.values()], [each.dense for each in counted.values()]
