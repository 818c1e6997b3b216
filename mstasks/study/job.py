"""What is run: one process per arm and seed, number of shots, or trial of a tuning."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from mstasks.study.arms import StudyArm
from mstasks.study.load import LoadedStudy
from mstasks.study.recipes import trials

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.,=+-]+")
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Job:
    """One run.

    Attributes:
        arm: Name of the arm.
        seed: Its seed.
        shots: Images that are adapted on; None if a recipe is trained.
        trial: Of a tuning, the overrides that are tried.
    """

    arm: str
    seed: int
    shots: int | None = None
    trial: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What messages call it."""
        shots = f", {self.shots} shots" if self.shots is not None else ""
        trial = f", tuning {' '.join(self.trial)}" if self.trial else ""
        return f"{self.arm}, seed {self.seed}{shots}{trial}"

    @property
    def folder(self) -> PurePosixPath:
        """Where its run lies, seen from the folder of the study."""
        outer = PurePosixPath(self.arm, "tuning", _name(self.trial)) if self.trial else PurePosixPath(self.arm)
        inner = outer / f"seed-{self.seed}"
        return inner if self.shots is None else inner / f"shots-{self.shots}"


def _name(trial: tuple[str, ...]) -> str:
    """A name of a folder that no other trial has, even if a file system does not take it as it is."""
    written = ",".join(trial)
    name = _NOT_IN_NAMES.sub("_", written)[:_LONGEST_NAME]
    return name if name == written else f"{name}-{hashlib.sha256(written.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All jobs of a study, and which has to wait for which.

    Attributes:
        loaded: The study.
        seeds: Seeds of the file and of the command line, in order.
    """

    loaded: LoadedStudy
    seeds: tuple[int, ...]

    @property
    def jobs(self) -> list[Job]:
        """Each seed with all arms before the next seed, so that a study that is half done compares all arms."""
        found: dict[Job, None] = {}
        for seed in self.seeds:
            for name in self.loaded.arms:
                for job in self.of(name, seed):
                    found |= dict.fromkeys([*self.closure([job]), job])
        return list(found)

    def arm(self, job: Job) -> StudyArm:
        """The job's arm."""
        return self.loaded.arms[job.arm]

    def of(self, name: str, seed: int) -> list[Job]:
        """The jobs of an arm and a seed: one, or one a number of shots."""
        shots = self.loaded.arms[name].shots
        return [Job(name, seed, count) for count in shots] if shots else [Job(name, seed)]

    def trials(self, job: Job) -> list[Job]:
        """The jobs that choose the tuned values of a job, always with the first seed of the file."""
        tuned = self.arm(job).tuned
        if tuned is None or job.trial or job.shots is not None:
            return []
        first = self.loaded.study.seeds[0]
        return [Job(tuned, first, trial=trial) for trial in trials(self.loaded.arms[tuned])]

    def needs(self, job: Job) -> list[Job]:
        """Jobs that have to end before it."""
        other = [Job(name, job.seed) for name in self.arm(job).needs]
        return [*self.trials(job), *other]

    def closure(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """All jobs that these wait for, the first to run first."""
        for job in jobs:
            for need in self.needs(job):
                yield from self.closure([need])
                yield need
