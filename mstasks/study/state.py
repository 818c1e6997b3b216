"""How all jobs of a study stand, and what each would be asked now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mstasks.study.asked import Asked, ask
from mstasks.study.job import Job, Plan
from mstasks.study.job_folder import JobFolder
from mstasks.study.outcome import Outcome, Status
from mstasks.study.tuning import read_trials, winner

_SETTLED = frozenset({Status.DONE, Status.FAILED, Status.BLOCKED})


@dataclass(slots=True)
class State:
    """Outcomes of all jobs.

    Attributes:
        plan: The study.
        root: Its folder.
        outcomes: By job.
    """

    plan: Plan
    root: Path
    outcomes: dict[Job, Outcome] = field(default_factory=dict)

    @classmethod
    def read(cls, plan: Plan, root: Path) -> State:
        """What is on disk."""
        state = cls(plan, root)
        for job in plan.jobs:
            state.outcomes[job] = state.folder(job).outcome()
        state._follow_winners(plan.jobs)
        return state

    def refresh(self, busy: Collection[Job]) -> None:
        """Read again how jobs stand that another process may have run, or set aside, since.

        Args:
            busy: Jobs that wait or run here.
        """
        idle = [job for job in self.plan.jobs if job not in busy]
        for job in idle:
            before, now = self.outcomes[job], self.folder(job).outcome()
            if not self._is_kept(job, before, now):
                self.outcomes[job] = now
        self._follow_winners(idle)

    def folder(self, job: Job) -> JobFolder:
        """The job's folder."""
        return JobFolder.of(job, self.root)

    def is_trial_again(self, job: Job) -> bool:
        """Whether the job is what a trial of its own arm has done already: the first seed with the chosen values."""
        arm = self.plan.arm(job)
        first = self.plan.loaded.study.seeds[0]
        return arm.tuned == arm.name and not job.trial and job.shots is None and job.seed == first

    def of_winner(self, job: Job) -> Outcome:
        """The outcome of the trial that won; open while trials are."""
        trials = self.plan.trials(job)
        if not self.settled(trials):
            return Outcome(Status.OPEN)
        best = winner(read_trials(trials, self.outcomes))
        if best is None:
            return Outcome(Status.BLOCKED, f"no value that was tried has a score; {self.first_reason(trials)}")
        return self.outcomes[best.job]

    def chosen(self) -> dict[str, tuple[str, ...]]:
        """The overrides that won, by tuned arm whose trials have all ended."""
        found = {}
        for arm in self.plan.loaded.arms.values():
            trials = self.plan.trials(Job(arm.name, self.plan.loaded.study.seeds[0])) if arm.tuned == arm.name else []
            best = winner(read_trials(trials, self.outcomes)) if trials and self.settled(trials) else None
            if best is not None:
                found[arm.name] = best.job.trial
        return found

    def settled(self, jobs: Iterable[Job]) -> bool:
        """Whether nothing more happens to these jobs here."""
        return all(self.outcomes[job].status in _SETTLED for job in jobs)

    def first_reason(self, jobs: Iterable[Job]) -> str:
        """Which of these jobs has no result, and why."""
        missing = [job for job in jobs if not self.outcomes[job].done]
        return f"{missing[0].label}: {self.outcomes[missing[0]].reason or self.outcomes[missing[0]].status.value}"

    def blocked_by(self, job: Job) -> Outcome | None:
        """How a job stands that cannot run: not possible, or open if what it needs may still come; None if it can.

        A value of a tuning that may still be tried is needed too: without it another one might win.
        """
        trials = self.plan.trials(job)
        needs = [need for need in self.plan.needs(job) if not self.outcomes[need].done and need not in trials]
        missing = [need for need in needs if not self.settled([need])]
        missing += [trial for trial in trials if not self.settled([trial])]
        lasting = [need for need in needs if self.settled([need])]
        if lasting or missing:
            status = Status.BLOCKED if lasting else Status.OPEN
            return Outcome(status, f"it needs {self.first_reason([*lasting, *missing])}")
        if trials and winner(read_trials(trials, self.outcomes)) is None:
            return Outcome(Status.BLOCKED, f"no value that was tried has a score; {self.first_reason(trials)}")
        return None

    def ask(self, job: Job) -> Asked:
        """What the job is asked to do now."""
        return ask(self.plan, job, self.chosen())

    def changed(self, job: Job) -> list[str]:
        """What differs between what a job was asked and what it would be asked now; empty if it was never started."""
        before = self.folder(job).asked()
        waits = not self.settled(need for need in self.plan.closure([job]) if need.trial)
        return [] if before is None or waits or self.is_trial_again(job) else self.ask(job).differences(before)

    def _follow_winners(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            if self.is_trial_again(job):
                self.outcomes[job] = self.of_winner(job)

    def _is_kept(self, job: Job, before: Outcome, now: Outcome) -> bool:
        """Whether this process knows more about a job than its folder does."""
        if now.done:  # a run that was refused since it was asked something else is not there
            return before.status is Status.FAILED and bool(self.changed(job))
        return before.status is Status.BLOCKED or (before.status is now.status is Status.OPEN)

    def run_of(self, job: Job, name: str) -> str:
        """The run of another arm that a job builds on, which has to be there."""
        run = self.outcomes[Job(name, job.seed)].run
        assert run is not None  # jobs run after those that they need
        return str(run.absolute())
