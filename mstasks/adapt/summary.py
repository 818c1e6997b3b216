"""summary.json of an adapted run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mstasks.adapt.sparsity_summary import adapted_sparsity
from mstasks.evaluate import TaskScores
from mstasks.macs import network_cost
from mstasks.sibling import path_from
from mstasks.statistics import spread
from mstasks.summary import task_summary

if TYPE_CHECKING:
    from mstasks.adapt.job import Draw, Job
    from mstasks.network import Network
    from mstasks.runfolder import RunFolder


def adapted_summary(job: Job, run: RunFolder, network: Network, draws: Sequence[Draw]) -> dict[str, Any]:
    """The summary of an adapted run: scores are those of the first draw's network.

    Args:
        job: What was done.
        run: The run that was adapted.
        network: The network that is kept, on the CPU.
        draws: All draws.

    Returns:
        The keys of any run; `steps`, `images` and `seconds` are of the adaptation that is kept. `adapt` holds all
        draws with their support images and scores by column, mean and standard deviation of the primary metric by
        column, and what became of the tasks that the run did before.
    """
    parent, recipe = run.read_summary(), job.plan.recipe
    steps = sum(phase.steps for phase in job.plan.strategy.phases(recipe.adapt.shots))
    summary: dict[str, Any] = {
        "method": parent["method"],
        "seed": recipe.seed,
        "steps": steps,
        "images": recipe.adapt.shots,
        "skipped_steps": 0,
        "seconds": round(draws[0].seconds, 1),
        "parent": path_from(job.made, run),
        "tasks": {name: task_summary(scores, "test") for name, scores in job.after.items()},
        "network": {
            part: {"parameters": cost.parameters, "macs": cost.macs}
            for part, cost in network_cost(network, recipe.data.size).items()
        },
    }
    sparsity = adapted_sparsity(parent, network, recipe.data.size, job.dense)
    if sparsity is not None:
        summary["sparsity"] = sparsity
    return {**summary, "adapt": _adapt(job, draws, steps)}


def _adapt(job: Job, draws: Sequence[Draw], steps: int) -> dict[str, Any]:
    settings, task = job.plan.recipe.adapt, job.plan.task
    seen = {name: scores for name, scores in job.before.items() if name != task}
    return {
        "task": task,
        "shots": settings.shots,
        "strategy": settings.strategy.model_dump(mode="json", by_alias=True),
        "steps": steps,
        "seen_mode": settings.seen,
        "grow": settings.grow,
        "hold_out": settings.hold_out,
        "seconds": round(sum(draw.seconds for draw in draws), 1),
        "primary": job.after[task].primary,
        "higher_is_better": job.after[task].higher_is_better,
        "before": job.before[task].values,
        "columns": {column: _spread(column, draws) for column in draws[0].scores},
        "draws": [_draw(draw) for draw in draws],
        "seen": {name: {"before": scores.values, "after": job.after[name].values} for name, scores in seen.items()},
        "released": list(job.plan.released),
        "failed": list(job.failed),
        "parts": [asdict(row) for row in job.parts],
    }


def _spread(column: str, draws: Sequence[Draw]) -> dict[str, float | None]:
    found = spread(draw.scores[column].values[draw.scores[column].primary] for draw in draws)
    return {"mean": found.mean, "sd": found.sd}


def _draw(draw: Draw) -> dict[str, Any]:
    scores: Mapping[str, TaskScores] = draw.scores
    return {
        "draw": draw.number,
        "support": list(draw.support),
        "scores": {column: task.values for column, task in scores.items()},
        "seconds": round(draw.seconds, 2),
    }
