"""The networks of a run that can be compared: dense, masked, compact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from mstasks.compaction import shrink
from mstasks.experiment import Experiment
from mstasks.network import Network
from mstasks.runfolder import RunFolder
from mstasks.sibling import uncut_origin
from mstasks.sparsity.spaces import SpacesError
from mstasks.trained import open_trained


@dataclass(frozen=True, slots=True)
class RunNetworks:
    """What a run has to compare.

    Attributes:
        experiment: Of the run.
        networks: ``dense``: the run's architecture with nothing removed; ``masked``: the run's own network, its dead
            channels zero; ``compact``: the same without them. In evaluation mode, on the run's device.
        own: Which of them holds the run's weights as they are.
        left_out: What is missing, a sentence each.
    """

    experiment: Experiment
    networks: dict[str, Network]
    own: str
    left_out: tuple[str, ...]


def open_networks(run: RunFolder) -> RunNetworks:
    """The networks of a run.

    The dense one of a sparse run has fresh weights: their values change no time, and those that were removed are gone.

    Raises:
        UsageError: If the run holds a network for each task.
        CheckpointError: If there is no intact checkpoint.
    """
    run.require_one_network("bench")
    experiment, own = open_trained(run)
    own.eval()
    if run.structure.is_file():
        return RunNetworks(experiment, {"dense": _dense(experiment), "compact": own}, "compact", (_no_masked(run),))
    try:
        small, stored = shrink(own, experiment.recipe.data.size)
    except SpacesError as error:
        return RunNetworks(experiment, {"dense": own}, "dense", (f"masked, compact: {error}",))
    if stored.channels == stored.dense:
        reason = "masked, compact: the run has no channel that can be removed; its network is the dense one."
        return RunNetworks(experiment, {"dense": own}, "dense", (reason,))
    networks = {"dense": _dense(experiment), "masked": own, "compact": small}
    return RunNetworks(experiment, networks, "masked", ())


def _dense(experiment: Experiment) -> Network:
    network: Any = experiment.build_network(pretrained=False).eval()
    dense: Network = network.to(experiment.device, memory_format=torch.channels_last)
    return dense


def _no_masked(run: RunFolder) -> str:
    origin = uncut_origin(run).path
    return f"masked: a compact run has no zero channels left; `mstasks bench {origin}` has them."
