"""summary.json: the final numbers of a run, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mstasks.evaluate import TaskScores
from mstasks.experiment import Experiment
from mstasks.macs import network_cost
from mstasks.network import Network
from mstasks.recipe.model import Sparsity
from mstasks.runfolder import RunFolder
from mstasks.sparsity.strength.base import Strength
from mstasks.sparsity.summary import sparsity_summary
from mstasks.train.state import TrainState


def task_summary(scores: TaskScores, split: str) -> dict[str, Any]:
    """One task's entry: its scores on the split beside the constant predictor's."""
    return {
        "primary": scores.primary,
        "higher_is_better": scores.higher_is_better,
        "directions": dict(scores.directions),
        "gap_closed": scores.gap_closed,
        split: scores.values,
        "constant": scores.constant,
    }


def run_summary(
    experiment: Experiment,
    state: TrainState,
    network: Network,
    tasks: Mapping[str, Any],
    run: RunFolder,
    seconds: float,
) -> dict[str, Any]:
    """The summary of an ordinary run.

    Args:
        experiment: What was trained.
        state: How training ended.
        network: The one that is kept.
        tasks: Its scores.
        run: Where the log of training is.
        seconds: Everything included.
    """
    recipe = experiment.recipe
    costs = network_cost(network, recipe.data.size)
    summary = {
        "method": recipe.method,
        "seed": recipe.seed,
        "steps": state.step,
        "images": state.step * recipe.data.batch_size,
        "skipped_steps": state.skipped,
        "seconds": round(seconds, 1),
        "parent": None,
        "best": {"step": state.best_step, "gap_closed": state.best_score},
        "tasks": dict(tasks),
        "network": {part: {"parameters": cost.parameters, "macs": cost.macs} for part, cost in costs.items()},
    }
    if recipe.sparsity is None or state.strength is None:
        return summary
    return {**summary, "sparsity": _sparsity(recipe.sparsity, state.strength, network, recipe.data.size, run)}


def _sparsity(
    sparsity: Sparsity, strength: Strength, network: Network, size: tuple[int, int], run: RunFolder
) -> dict[str, Any]:
    return sparsity_summary(network, strength, size, name=sparsity.strength.name, rows=run.rows())


def merged_summary(children: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The summary of a `single-task` parent: its children's tasks, images and seconds together."""
    first = next(iter(children.values()))
    return {
        **{key: first[key] for key in ("method", "seed", "steps", "parent")},
        "images": sum(child["images"] for child in children.values()),
        "skipped_steps": sum(child["skipped_steps"] for child in children.values()),
        "seconds": round(sum(child["seconds"] for child in children.values()), 1),
        "tasks": {name: child["tasks"][name] for name, child in children.items()},
    }
