"""What a report needs the networks of a run for: pictures, and costs by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mstasks.errors import MstasksError
from mstasks.experiment import Experiment
from mstasks.network import Network
from mstasks.report.costs import PartCosts, count_costs
from mstasks.report.examples import Choice, Example, merged, read_examples
from mstasks.report.source import Source
from mstasks.trained import open_trained


@dataclass
class Opened:
    """What was found out with the networks of a run.

    Attributes:
        examples: Test images with predictions.
        costs: By network; the name of a run's only one is empty.
        missing: Why something is not there, a sentence each.
    """

    examples: Sequence[Example] = ()
    costs: Mapping[str, PartCosts] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def open_networks(source: Source, choice: Choice) -> Opened:
    """Open the best networks of a run; what cannot be had, such as data that is not here, is told and left out.

    Raises:
        UsageError: If the choice names an image that is not there.
    """
    opened = Opened()
    try:
        networks = {name: (*open_trained(run), run) for name, run in source.networks()}
    except MstasksError as error:
        opened.missing.append(f"No pictures and no costs by part: {error}")
        return opened
    # Pictures first: counting moves networks to the CPU.
    opened.examples = _examples([pair[:2] for pair in networks.values()], choice, opened.missing)
    opened.costs = {name: count_costs(*parts) for name, parts in networks.items()}
    return opened


def _examples(networks: Sequence[tuple[Experiment, Network]], choice: Choice, missing: list[str]) -> Sequence[Example]:
    try:
        for experiment, _ in networks:
            experiment.ids("test")
    except MstasksError as error:
        missing.append(f"No pictures: {error}")
        return ()
    ids = choice.of(networks[0][0])
    return merged([read_examples(experiment, network, ids) for experiment, network in networks])
