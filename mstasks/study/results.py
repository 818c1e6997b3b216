"""The numbers of a study by row of its tables, with what each row is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from mstasks.errors import MstasksError
from mstasks.statistics import PairedDifference, is_number, paired_difference
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
        of_draws = _pairs_of_draws(mine[seeds[0]], theirs[seeds[0]])
        if len(seeds) == 1 and of_draws:  # one training each: how much the images matter is all that can be said
            return Difference(other, _paired(of_draws), "draws")
        return Difference(other, _paired([_pair(mine[seed], theirs[seed]) for seed in seeds]), "seeds")

    def baseline(self, row: Row, task: str) -> Row | None:
        """The row that a row is compared with.

        A trained arm is compared with the baseline, one that was trained without a task with the baseline trained
        without it; an adapted network, and what stands beside it, with the baseline adapted on as many images.
        """
        arms = self.state.plan.loaded.arms
        name = self.reference(row.arm)
        if name is None:
            return None
        found = Row(name, row.shots, ADAPTED) if arms[name].shots else Row(name)
        return found if any(key[0] == found and key[1] == task for key in self.scores) else None

    def reference(self, name: str) -> str | None:
        """The arm that an arm is compared with: what `against` says, else what follows from the baseline."""
        arms = self.state.plan.loaded.arms
        against = arms[name].given.against
        if against is not None:
            return against if against in arms else None  # that of a held-out arm may not have been held out likewise
        return next(iter(self._baselines_of(arms[name])), None)

    def is_plain(self, name: str) -> bool:
        """Whether it goes without saying which arm an arm is compared with."""
        followed = self._baselines_of(self.state.plan.loaded.arms[name])
        return followed == [self.reference(name)]

    def _baselines_of(self, arm: StudyArm) -> list[str]:
        """The baseline as this arm was made: trained without its task, adapted to its task; maybe in several ways."""
        study = self.state.plan.loaded
        trained = study.study.compare.baseline
        if arm.held_out is not None:
            trained = f"{trained}-without-{arm.held_out}"
        if trained not in study.arms:
            return []
        if arm.adapts is None or study.arms[trained].adapts is not None:
            return [trained]
        return [other.name for other in study.arms.values() if other.adapts == trained and other.task == arm.task]


def _paired(pairs: Sequence[tuple[float | None, float | None]]) -> PairedDifference:
    return paired_difference([one for one, _ in pairs], [two for _, two in pairs])


def _pair(one: Score, two: Score) -> tuple[float | None, float | None]:
    """Scores of one seed; means over the draws that both have, if they have any in common."""
    pairs = [(mine, theirs) for mine, theirs in _pairs_of_draws(one, two) if is_number(mine) and is_number(theirs)]
    if not pairs:
        return (one.value, two.value)
    return fmean(mine for mine, _ in pairs), fmean(theirs for _, theirs in pairs)


def _pairs_of_draws(one: Score, two: Score) -> list[tuple[float | None, float | None]]:
    return [(value, two.draws[draw]) for draw, value in one.draws.items() if draw in two.draws]


def read_results(state: State) -> Results:
    """Read the summaries of all runs that are done.

    Raises:
        MstasksError: One of them does not hold what a summary has to.
    """
    scores: dict[tuple[Row, str, str], dict[int, Score]] = {}
    costs: dict[Job, Cost] = {}
    for job, run in _done(state):
        try:
            costs[job], found = read_cost(run), read_scores(job, run)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MstasksError(
                f"{run / 'summary.json'}: damaged: {error!r}. Remove the file; its run is made again."
            ) from error
        for score in found:
            shots = job.shots if score.predictor != NETWORK else None
            scores.setdefault((Row(job.arm, shots, score.predictor), score.task, score.metric), {})[job.seed] = score
    return Results(state, scores, costs)


def _done(state: State) -> Iterator[tuple[Job, Path]]:
    for job, outcome in state.outcomes.items():
        if outcome.done and outcome.run is not None and not job.trial:
            yield job, outcome.run
