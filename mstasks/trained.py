"""A trained run: its experiment and best network, and its scores on a split."""

from __future__ import annotations

import json
from typing import Any

import torch

from mstasks.data.dataset import Split
from mstasks.evaluate import evaluate, score_constants
from mstasks.experiment import Experiment
from mstasks.network import Network
from mstasks.recipe import load_recipe
from mstasks.runfolder import RunFolder
from mstasks.structure import rebuild_compact
from mstasks.summary import task_summary
from mstasks.train.checkpoint import CheckpointError, find_checkpoint, load_weights


def ordinary_runs(run: RunFolder) -> dict[str, RunFolder]:
    """The runs that hold a network: the run itself under the name ``""``, or a `single-task` parent's children."""
    return run.children() or {"": run}


def open_trained(run: RunFolder) -> tuple[Experiment, Network]:
    """The experiment of an ordinary run with the network of its best checkpoint, on its device.

    Raises:
        CheckpointError: If there is no intact checkpoint.
        StructureError: If the structure of a compact run is damaged, or of another network.
    """
    experiment = Experiment(load_recipe(run.recipe))
    network = experiment.build_network(pretrained=False)
    if run.structure.is_file():
        network = rebuild_compact(network, run.structure, experiment.recipe.data.size)
    network = network.to(experiment.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    load_weights(find_checkpoint(run.checkpoints, "best"), network)
    return experiment, network


def score_run(run: RunFolder, split: Split) -> dict[str, dict[str, Any]]:
    """Each task's scores on a split, as summaries hold them."""
    scores: dict[str, dict[str, Any]] = {}
    for part in ordinary_runs(run).values():
        experiment, network = open_trained(part)
        scores.update(score_network(experiment, network, part, split))
    return scores


def score_network(experiment: Experiment, network: Network, run: RunFolder, split: Split) -> dict[str, dict[str, Any]]:
    """Score a network beside the run's constant predictor."""
    reference = score_constants(experiment.tasks, read_constants(run), experiment.batches(split))
    precision = experiment.recipe.optim.precision
    scores = evaluate(network, experiment.tasks, experiment.batches(split), reference, experiment.device, precision)
    return {name: task_summary(task, split) for name, task in scores.items()}


def read_constants(run: RunFolder) -> dict[str, torch.Tensor]:
    """The constant predictions that the run was compared with.

    Raises:
        CheckpointError: If the file is missing or damaged.
    """
    path = run.path / "constants.json"
    try:
        return {name: torch.tensor(values) for name, values in json.loads(path.read_text()).items()}
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: unreadable: {error}") from error
