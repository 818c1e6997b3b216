"""The numbers of a study by row of its tables, with what each row is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mstasks.statistics import DeltaM, PairedDifference, delta_m, paired_difference
from mstasks.study.arms import StudyArm
from mstasks.study.job import Job
from mstasks.study.state import State
from mstasks.study.summaries import ADAPTED, NETWORK, Cost, Score, read_cost, read_scores


@dataclass(frozen=True, slots=True)
class Row:
    """What has one number a seed.

    Attributes:
        arm: Name of the arm.
        shots: Images that it is adapted on; None if it was trained.
        predictor: What predicts.
    """

    arm: str
    shots: int | None = None
    predictor: str = NETWORK

    @property
    def label(self) -> str:
        """What tables call it."""
        shots = f", k = {self.shots}" if self.shots is not None else ""
        other = "" if self.predictor in (NETWORK, ADAPTED) else f", {self.predictor}"
        return f"{self.arm}{shots}{other}"


@dataclass(frozen=True, slots=True)
class Difference:
    """A row against the one that it is compared with.

    Attributes:
        baseline: The other row.
        paired: Its mean and interval.
        unit: What was paired: ``seeds`` or ``draws``.
    """

    baseline: Row
    paired: PairedDifference
    unit: str


@dataclass(frozen=True, slots=True)
class Results:
    """All numbers of runs that are done.

    Attributes:
        state: How the runs stand.
        scores: By row, task, metric and seed.
        costs: Of each run.
    """

    state: State
    scores: Mapping[tuple[Row, str, str], Mapping[int, Score]]
    costs: Mapping[Job, Cost]

    @property
    def rows(self) -> list[Row]:
        """Every row, in the order of the study."""
        order = list(self.state.plan.loaded.arms)
        found = dict.fromkeys(row for row, _, _ in self.scores)
        return sorted(found, key=lambda row: (order.index(row.arm), row.shots or 0))

    def rows_of(self, task: str) -> list[Row]:
        """Rows with scores of a task. What does not depend on the network, as beside each adaptation, is there once."""
        found: dict[object, Row] = {}
        for row in self.rows:
            about = {
                (key[2], seed): score.value
                for key, by in self.scores.items()
                if key[:2] == (row, task)
                for seed, score in by.items()
            }
            if about:
                own = row.arm if row.predictor in (NETWORK, ADAPTED) else ""
                found.setdefault((row.shots, row.predictor, own, tuple(about.items())), row)
        return list(found.values())

    @property
    def tasks(self) -> dict[str, list[str]]:
        """The metrics of each task, the primary one first."""
        found: dict[str, dict[str, bool]] = {}
        for (_, task, metric), by_seed in self.scores.items():
            found.setdefault(task, {})[metric] = any(score.primary for score in by_seed.values())
        return {task: sorted(metrics, key=lambda name: not metrics[name]) for task, metrics in found.items()}

    def values(self, row: Row, task: str, metric: str) -> list[float | None]:
        """One number a seed."""
        return [score.value for score in self.scores.get((row, task, metric), {}).values()]

    def higher_is_better(self, task: str) -> bool | None:
        """Direction of the task's primary metric; None if nobody knows."""
        known = (score.higher_is_better for key, by in self.scores.items() if key[1] == task for score in by.values())
        return next((better for better in known if better is not None), None)

    def difference(self, row: Row, task: str, metric: str) -> Difference | None:
        """The row against its baseline; None if it has none, or they have no seed in common."""
        other = self.baseline(row, task)
        if other is None or other == row:
            return None
        mine, theirs = self.scores.get((row, task, metric), {}), self.scores.get((other, task, metric), {})
        seeds = [seed for seed in mine if seed in theirs]
        if not seeds:
            return None
        draws = [draw for draw in mine[seeds[0]].draws if draw in theirs[seeds[0]].draws]
        if len(seeds) == 1 and draws:  # one training each: how much the images matter is all that can be said
            pairs = [(mine[seeds[0]].draws[draw], theirs[seeds[0]].draws[draw]) for draw in draws]
        else:
            pairs = [(mine[seed].value, theirs[seed].value) for seed in seeds]
        paired = paired_difference([one for one, _ in pairs], [two for _, two in pairs])
        return Difference(other, paired, "draws" if len(seeds) == 1 and draws else "seeds")

    def baseline(self, row: Row, task: str) -> Row | None:
        """The row that a row is compared with.

        A trained arm is compared with the baseline, one that was trained without a task with the baseline trained
        without it; an adapted network, and what stands beside it, with the baseline adapted on as many images.
        """
        arms = self.state.plan.loaded.arms
        name = arms[row.arm].given.against
        if name is None:
            name = self._baseline_of(arms[row.arm])
        if name is None:
            return None
        found = Row(name, row.shots, ADAPTED) if arms[name].shots else Row(name)
        return found if any(key[0] == found and key[1] == task for key in self.scores) else None

    def _baseline_of(self, arm: StudyArm) -> str | None:
        study = self.state.plan.loaded
        trained = study.study.compare.baseline
        if arm.held_out is not None and f"{trained}-without-{arm.held_out}" in study.arms:
            trained = f"{trained}-without-{arm.held_out}"
        if arm.adapts is None or study.arms[trained].adapts is not None:
            return trained
        alike = (other for other in study.arms.values() if other.adapts == trained and other.task == arm.task)
        return next((other.name for other in alike), None)

    def delta_m(self, row: Row) -> dict[int, DeltaM]:
        """By seed, the change against the single-task arm; empty if there is none or the row was not trained."""
        single = self.state.plan.loaded.study.compare.single_task
        if single is None or row.predictor != NETWORK or row.arm == single:
            return {}
        mine, theirs = self._primary(row), self._primary(Row(single))
        better = {task: self.higher_is_better(task) or False for task in self.tasks}
        return {seed: delta_m(mine[seed], theirs[seed], better) for seed in mine if seed in theirs}

    def _primary(self, row: Row) -> dict[int, dict[str, float | None]]:
        found: dict[int, dict[str, float | None]] = {}
        for (other, task, _), by_seed in self.scores.items():
            for seed, score in by_seed.items() if other == row else ():
                if score.primary:
                    found.setdefault(seed, {})[task] = score.value
        return found


def read_results(state: State) -> Results:
    """Read the summaries of all runs that are done."""
    scores: dict[tuple[Row, str, str], dict[int, Score]] = {}
    costs: dict[Job, Cost] = {}
    for job, run in _done(state):
        costs[job] = read_cost(run)
        for score in read_scores(job, run):
            shots = job.shots if score.predictor != NETWORK else None
            scores.setdefault((Row(job.arm, shots, score.predictor), score.task, score.metric), {})[job.seed] = score
    return Results(state, scores, costs)


def _done(state: State) -> Iterator[tuple[Job, Path]]:
    for job, outcome in state.outcomes.items():
        if outcome.done and outcome.run is not None and not job.trial:
            yield job, outcome.run
