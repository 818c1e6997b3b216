"""Runs side by side: scores, delta_m against a baseline, costs, and what makes them hard to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mstasks.comparable import differences, read_scored
from mstasks.errors import MstasksError
from mstasks.run_cost import RunCost, run_cost
from mstasks.runfolder import RunFolder, finite
from mstasks.statistics import DeltaM, delta_m

if TYPE_CHECKING:
    from mstasks.data.dataset import Split


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One row of a comparison.

    Attributes:
        run: Its folder.
        name: The shortest that no other run of the comparison has.
        summary: summary.json.
        tasks: Its scores on the compared split, in the form of `tasks` of a summary.
        cost: Of its network.
        delta_m: Against the baseline.
        differs: What makes it hard to compare with the baseline, a clause each.
    """

    run: RunFolder
    name: str
    summary: Mapping[str, Any]
    tasks: Mapping[str, Mapping[str, Any]]
    cost: RunCost
    delta_m: DeltaM
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs side by side.

    Attributes:
        split: Whose scores they are.
        baseline: The run that the others are compared with.
        runs: All, the baseline among them.
    """

    split: str
    baseline: ComparedRun
    runs: tuple[ComparedRun, ...]


def compare_runs(paths: Sequence[Path], baseline: Path | None = None, split: Split = "test") -> Comparison:
    """Read complete runs and compare them.

    Scores of the test split are those of the summaries; on another split the networks are scored now.

    Args:
        paths: Run folders, at least one; one that is named twice is taken once.
        baseline: What delta_m is against; the first of `paths` by default, and put before them if it is none of them.
        split: Whose scores to compare.

    Raises:
        UsageError: If a folder is no run, or the run is not complete.
        MstasksError: If a file of a run is damaged.
    """
    distinct: dict[Path, RunFolder] = {}
    for path in paths:
        distinct.setdefault(path.resolve(), RunFolder.open(path))
    reference = (paths[0] if baseline is None else baseline).resolve()
    if baseline is not None and reference not in distinct:
        distinct = {reference: RunFolder.open(baseline), **distinct}
    rows = _rows(list(distinct.values()), list(distinct).index(reference), split)
    return Comparison(split, rows[list(distinct).index(reference)], tuple(rows))


def _rows(runs: Sequence[RunFolder], baseline: int, split: Split) -> list[ComparedRun]:
    summaries = [_read_summary(run) for run in runs]  # of all, before anything is scored: a wrong path is told at once
    tasks = [_scores(run, summary, split) for run, summary in zip(runs, summaries, strict=True)]
    scored = [read_scored(run, own, split) for run, own in zip(runs, tasks, strict=True)]
    names = short_names([run.path for run in runs])
    return [
        ComparedRun(
            run=run,
            name=names[index],
            summary=summaries[index],
            tasks=tasks[index],
            cost=run_cost(_networks(run, summaries[index]), compact=run.structure.is_file()),
            delta_m=tasks_delta_m(tasks[index], tasks[baseline], split),
            differs=tuple(differences(scored[index], scored[baseline])),
        )
        for index, run in enumerate(runs)
    ]


def tasks_delta_m(
    tasks: Mapping[str, Mapping[str, Any]], baseline: Mapping[str, Mapping[str, Any]], split: str = "test"
) -> DeltaM:
    """delta_m of a run by the metrics that are primary in the baseline.

    Args:
        tasks: `tasks` of a summary.
        baseline: That of the baseline's.
        split: Whose scores to take.
    """
    primary = {name: task["primary"] for name, task in [*tasks.items(), *baseline.items()]}
    higher = {name: bool(task["higher_is_better"]) for name, task in [*tasks.items(), *baseline.items()]}
    own, others = ({name: task[split].get(primary[name]) for name, task in side.items()} for side in (tasks, baseline))
    return delta_m(own, others, higher)


def short_names(paths: Sequence[Path]) -> list[str]:
    """The last parts of each path, as few as tell all apart: ``001``, or ``rooms/001`` if they lie in several folders.

    Args:
        paths: All different.
    """
    parts = [path.resolve().parts for path in paths]
    length = 1 if len({own[-2:-1] for own in parts}) == 1 else 2
    while len({own[-length:] for own in parts}) < len(parts):
        length += 1
    return ["/".join(own[-length:]) for own in parts]


def _networks(run: RunFolder, summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The summaries of the runs that hold a network: a `single-task` parent's children, else the run itself."""
    return [_read_summary(child) for child in run.children().values()] or [summary]


def _read_summary(run: RunFolder) -> dict[str, Any]:
    try:
        summary = run.read_summary()
    except (ValueError, TypeError) as error:
        raise MstasksError(f"{run.summary}: damaged: {error}.") from error
    if "tasks" not in summary:
        raise MstasksError(f"{run.summary}: damaged: it has no `tasks`.")
    return summary


def _scores(run: RunFolder, summary: Mapping[str, Any], split: Split) -> Mapping[str, Mapping[str, Any]]:
    if split == "test":
        tasks: Mapping[str, Mapping[str, Any]] = summary["tasks"]
        return tasks
    from mstasks.trained import score_run  # imports torch, which summaries do without

    scored: Mapping[str, Mapping[str, Any]] = finite(score_run(run, split))
    return scored
