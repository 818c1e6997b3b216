"""What the summaries of runs say: scores by task and metric, and what each network costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mstasks.run_cost import run_cost
from mstasks.runfolder import RunFolder
from mstasks.study.job import Job
from mstasks.study.latency import milliseconds

NETWORK = "network"
"""The predictor of a trained run."""
ADAPTED = "adapted"
"""The predictor that an adaptation is about; others of its columns stand beside it."""


@dataclass(frozen=True, slots=True)
class Score:
    """One number on the test split.

    Attributes:
        task: The task.
        metric: Its metric.
        predictor: What predicted: `NETWORK`, `ADAPTED`, or what an adaptation is compared with.
        value: The metric; of an adaptation the mean over its draws. None if it is not a number.
        primary: Whether it is the task's primary metric.
        higher_is_better: Its direction; None if it is not the primary metric, whose direction alone is written down.
        draws: Of an adaptation, the metric by draw: its number and the images that were drawn. Empty for the tasks
            that an adaptation was to keep, which are scored on draw 0 alone.
    """

    task: str
    metric: str
    predictor: str
    value: float | None
    primary: bool
    higher_is_better: bool | None
    draws: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run cost and what its network costs.

    Attributes:
        macs: Of one image through the network without its dead channels; of all networks of a single-task run.
        parameters: Likewise.
        seconds: Of training, validation and test included; of an adaptation, of all its draws.
        milliseconds: One image through the network in the same form, as `mstasks bench` timed it.
    """

    macs: int | None
    parameters: int | None
    seconds: float
    milliseconds: float | None = None


def read_scores(job: Job, run: Path) -> list[Score]:
    """The scores of a complete run."""
    summary = RunFolder(run).read_summary()
    found = _adapted(summary) if job.shots is not None else _trained(summary["tasks"])
    return [score for score in found if "/" not in score.metric]


def read_cost(run: Path) -> Cost:
    """The costs of a complete run."""
    folder = RunFolder(run)
    cost = run_cost([part.read_summary() for part in (folder.children().values() or [folder])])
    return Cost(
        macs=cost.macs,
        parameters=cost.parameters,
        seconds=seconds_of(run),
        milliseconds=milliseconds(folder),
    )


def seconds_of(run: Path) -> float:
    """How long a complete run took; of an adaptation all draws, without its parent's training."""
    summary = RunFolder(run).read_summary()
    return float(summary["adapt"]["seconds"] if "adapt" in summary else summary["seconds"])


def _trained(tasks: Mapping[str, Any]) -> Iterator[Score]:
    for task, entry in tasks.items():
        for metric, value in entry["test"].items():
            primary = metric == entry["primary"]
            yield Score(task, metric, NETWORK, value, primary, entry["higher_is_better"] if primary else None)


def _adapted(summary: Mapping[str, Any]) -> Iterator[Score]:
    """Scores of the new task by predictor, and of the other tasks if the adaptation was to keep them."""
    adapt, entry = summary["adapt"], summary["tasks"][summary["adapt"]["task"]]
    by_draw = {_draw(draw): draw["scores"] for draw in adapt["draws"]}
    for predictor in dict.fromkeys(name for scores in by_draw.values() for name in scores):
        metrics = dict.fromkeys(name for scores in by_draw.values() for name in scores.get(predictor, {}))
        for metric in metrics:
            draws = {draw: scores.get(predictor, {}).get(metric) for draw, scores in by_draw.items()}
            known = [value for value in draws.values() if value is not None]
            mean = sum(known) / len(known) if known else None
            primary = metric == entry["primary"]
            better = entry["higher_is_better"] if primary else None
            yield Score(adapt["task"], metric, predictor, mean, primary, better, draws)
    for task, seen in adapt["seen"].items() if adapt["seen_mode"] != "release" else ():
        for metric, value in seen["after"].items():
            kept = summary["tasks"][task]
            primary = metric == kept["primary"]
            yield Score(task, metric, ADAPTED, value, primary, kept["higher_is_better"] if primary else None)


def _draw(draw: Mapping[str, Any]) -> str:
    """What draws of two arms have in common if they are the same: number, which seeds training, and images."""
    return f"{draw['draw']}:{','.join(sorted(map(str, draw['support'])))}"
