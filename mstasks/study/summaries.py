"""What the summaries of runs say: scores by task and metric, and what each network costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
        draws: Of an adaptation, the metric by the images that were drawn.
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
    parts = [part.read_summary() for part in (folder.children().values() or [folder])]
    return Cost(
        macs=_total(parts, "macs"),
        parameters=_total(parts, "parameters"),
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
    by_images = {",".join(sorted(map(str, draw["support"]))): draw["scores"] for draw in adapt["draws"]}
    for predictor in dict.fromkeys(name for scores in by_images.values() for name in scores):
        metrics = dict.fromkeys(name for scores in by_images.values() for name in scores.get(predictor, {}))
        for metric in metrics:
            draws = {images: scores.get(predictor, {}).get(metric) for images, scores in by_images.items()}
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


def _total(summaries: list[dict[str, Any]], kind: str) -> int | None:
    counts = [_of_network(summary, kind) for summary in summaries]
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


def _of_network(summary: Mapping[str, Any], kind: str) -> int | None:
    """Of the network without dead channels, which `compact` removes with equal predictions."""
    if "sparsity" in summary:
        return int(summary["sparsity"][f"network_{kind}_compact"])
    parts = summary.get("network", {}).values()
    return sum(int(part[kind]) for part in parts) if parts else None
