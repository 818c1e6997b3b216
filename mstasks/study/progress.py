"""One line as each run starts and ends, with an estimate of the time that is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean

from mstasks.study.job import Job


@dataclass(slots=True)
class Clock:
    """Estimates what is left from what runs of the same arm, of the same kind, or of any took.

    Attributes:
        parallel: Runs at once.
        took: Seconds of each run that has ended, those of earlier sessions included.
    """

    parallel: int
    took: dict[Job, float] = field(default_factory=dict)

    def left(self, waiting: Iterable[Job], running: Iterable[tuple[Job, float]]) -> float | None:
        """Seconds until all are done; None if nothing has ended yet.

        Args:
            waiting: Runs that have not begun.
            running: Runs that have, each with its seconds so far.
        """
        if not self.took:
            return None
        rest = [self._expected(job) for job in waiting]
        rest += [max(0.0, self._expected(job) - seconds) for job, seconds in running]
        return max([sum(rest) / self.parallel, *rest], default=0.0)

    def _expected(self, job: Job) -> float:
        ended = self.took.items()
        same_arm = [seconds for other, seconds in ended if other.arm == job.arm and other.shots == job.shots]
        same_kind = [seconds for other, seconds in ended if (other.shots is None) == (job.shots is None)]
        return fmean(same_arm or same_kind or self.took.values())
