"""delta_m of the arms of a study: over all tasks that an arm and the one it is taken from share, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mstasks.statistics import PairedDifference, delta_m, paired_difference
from mstasks.study.results import Results, Row


@dataclass(frozen=True, slots=True)
class ArmDelta:
    """delta_m of one arm.

    Attributes:
        tasks: The tasks that it is the mean over: those that the arm and the one it is taken from have.
        percents: By seed that both have; None where the change of one of the tasks is missing, since a mean over other
            tasks is another quantity.
    """

    tasks: frozenset[str]
    percents: Mapping[int, float | None]

    @property
    def whole(self) -> PairedDifference:
        """Mean over seeds with its interval: a difference already, from that arm's own, which is 0."""
        return paired_difference(list(self.percents.values()), [0.0] * len(self.percents))


def delta_from(results: Results, arm: str) -> str | None:
    """The arm that delta_m of an arm is taken from: the single-task arm, else the one that it is compared with."""
    return results.state.plan.loaded.study.compare.single_task or results.reference(arm)


def read_delta(results: Results, arm: str) -> ArmDelta | None:
    """delta_m of a trained arm; None for the arm that it is taken from, and if they share no seed or task."""
    arms, other = results.state.plan.loaded.arms, delta_from(results, arm)
    if other is None or arm == other or arms[arm].shots or arms[other].shots:
        return None
    mine, theirs = _primary(results, Row(arm)), _primary(results, Row(other))
    tasks = frozenset(_tasks(mine) & _tasks(theirs))
    better = {task: results.higher_is_better(task) or False for task in results.tasks}
    found = {seed: delta_m(mine[seed], theirs[seed], better) for seed in mine if seed in theirs}
    if not found or not tasks:
        return None
    return ArmDelta(
        tasks, {seed: change.percent if tasks <= change.changes.keys() else None for seed, change in found.items()}
    )


def delta_difference(results: Results, arm: str) -> PairedDifference | None:
    """delta_m of an arm minus that of the arm that it is compared with, paired by seed.

    None if their tasks differ, and without a single-task arm, since delta_m is that difference then.
    """
    other = results.reference(arm)
    if results.state.plan.loaded.study.compare.single_task is None or other is None or other == arm:
        return None
    mine, theirs = read_delta(results, arm), read_delta(results, other)
    if mine is None or theirs is None or mine.tasks != theirs.tasks:
        return None
    seeds = [seed for seed in mine.percents if seed in theirs.percents]
    return paired_difference([mine.percents[seed] for seed in seeds], [theirs.percents[seed] for seed in seeds])


def _tasks(primary: Mapping[int, Mapping[str, float | None]]) -> set[str]:
    return {task for scores in primary.values() for task in scores}


def _primary(results: Results, row: Row) -> dict[int, dict[str, float | None]]:
    """The primary metric by seed and task."""
    found: dict[int, dict[str, float | None]] = {}
    for (other, task, _), by_seed in results.scores.items():
        for seed, score in by_seed.items() if other == row else ():
            if score.primary:
                found.setdefault(seed, {})[task] = score.value
    return found
