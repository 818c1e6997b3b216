"""Running the jobs of a study: in order, some at once, each once, until all have ended or somebody stops them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mstasks.errors import Interrupted, UsageError
from mstasks.study.asked import in_short
from mstasks.study.command import Commands, environment
from mstasks.study.job import Job
from mstasks.study.job_folder import JobFolder
from mstasks.study.lock import acquire, release
from mstasks.study.outcome import Outcome, Status
from mstasks.study.process import Process
from mstasks.study.progress import Clock, spoken
from mstasks.study.state import State
from mstasks.study.summaries import seconds_of
from mstasks.train.stopping import StopRequest

_PAUSE = 0.1
_UNCHANGED = "Give the arm another name, the study another --out, or run again with --renew, which keeps the old runs."


@dataclass(slots=True)
class Runner:
    """Runs jobs.

    Attributes:
        state: How all jobs stand.
        commands: Makes their command lines.
        parallel: How many run at once.
        renew: Whether a complete run that was asked something else is set aside and made again.
        tell: Gets a line for the user.
        after: Called whenever a job has ended.
    """

    state: State
    commands: Commands
    parallel: int
    renew: bool
    tell: Callable[[str], None]
    after: Callable[[], None]
    _waiting: list[Job] = field(default_factory=list)
    _running: dict[Job, tuple[Process, int]] = field(default_factory=dict)
    _clock: Clock = field(default_factory=lambda: Clock(1))
    _total: int = 0
    _stopping: bool = False

    def run(self, wanted: Sequence[Job]) -> None:
        """Run jobs, and those that they need, as far as they are not done.

        Raises:
            UsageError: A job that is done was asked something else; nothing was run then.
            Interrupted: On Ctrl-C or SIGTERM, once every run has saved.
        """
        outcomes = self.state.outcomes
        named = {*self.state.plan.closure(wanted), *wanted}
        every = [job for job in self.state.plan.jobs if job in named]
        self._refuse_changed(every)
        self._clock = Clock(self.parallel, self._took_before())
        for job in every:
            again = any(need in self._waiting for need in self.state.plan.needs(job))
            if again or not outcomes[job].done or self._renews(job):
                self._waiting.append(job)
        for job in self._waiting:
            outcomes[job] = Outcome(Status.OPEN, run=outcomes[job].run)
        self._total = len(self._waiting)
        with StopRequest() as stop:
            try:
                self._loop(stop)
            except BaseException:
                self._kill()
                raise

    def _loop(self, stop: StopRequest) -> None:
        while self._running or (self._waiting and not self._stopping):
            if stop.requested and not self._stopping:
                self._stop()
            while not self._stopping and len(self._running) < self.parallel and self._start_next():
                pass
            self._collect()
            time.sleep(_PAUSE if self._running else 0)
        if self._stopping:
            done = sum(outcome.done for outcome in self.state.outcomes.values())
            raise Interrupted(f"stopped; {done} of {len(self.state.outcomes)} runs are done.")

    def _start_next(self) -> bool:
        """Start the first job whose needs have ended, or settle it without a process; False if there is none."""
        for job in self._waiting:
            if not self._pending(job):
                self._waiting.remove(job)
                self._start(job)
                return True
        return False

    def _pending(self, job: Job) -> bool:
        return any(need in self._waiting or need in self._running for need in self.state.plan.needs(job))

    def _start(self, job: Job) -> None:
        state = self.state
        if state.is_trial_again(job):
            self._settle(job, state.of_winner(job))
            return
        blocked = state.blocked_by(job)
        if blocked:
            self._settle(job, Outcome(Status.BLOCKED, blocked), said=blocked)
            return
        lock = acquire(state.root, job.folder)
        if lock is None:
            self._settle(job, Outcome(Status.ELSEWHERE, "another process runs it"), said="another process runs it")
            return
        folder = state.folder(job)
        settled = self._prepare(job, folder)
        if settled is None:
            self._launch(job, folder, lock)
        else:
            release(lock)
            self._settle(job, settled, said=settled.reason)

    def _prepare(self, job: Job, folder: JobFolder) -> Outcome | None:
        """Set aside what was asked something else; the outcome if nothing is to be run."""
        before, changed = folder.outcome(), self.state.changed(job)
        if not changed:
            return before if before.done else None
        if before.done and not self.renew:  # a tuning that has only now been decided otherwise
            return Outcome(Status.FAILED, f"its run was asked something else: {in_short(changed)}. {_UNCHANGED}")
        aside = folder.set_aside()
        self.tell(f"{job.label}: {in_short(changed)}; what was there is now {aside}")
        return None

    def _launch(self, job: Job, folder: JobFolder, lock: int) -> None:
        state, begun = self.state, folder.run()
        folder.write(state.ask(job).content)
        arm, values = state.plan.arm(job), job.trial or state.chosen().get(state.plan.arm(job).tuned or "", ())
        if job.shots is not None:
            command = self.commands.adapt(arm, job, lambda name: state.run_of(job, name), folder.path)
        elif begun is not None:
            command = self.commands.resume(begun.path)
        else:
            command = self.commands.fit(arm, job, values, lambda name: state.run_of(job, name), folder.path)
        process = Process.start(command, folder.output, environment(self.parallel), lock)
        self._running[job] = (process, lock)
        self.tell(f"{self._count(job)} {'goes on' if begun is not None else 'started'}: {folder.path}")

    def _collect(self) -> None:
        for job, (process, lock) in list(self._running.items()):
            if process.code() is not None:
                del self._running[job]
                outcome = self._ended(job, process)
                release(lock)
                if outcome.done:
                    self._clock.took[job] = process.seconds()
                words = f"{outcome.status.value} after {spoken(process.seconds())}"
                self._settle(job, outcome, said=f"{words}{': ' if outcome.reason else ''}{outcome.reason}")

    def _ended(self, job: Job, process: Process) -> Outcome:
        folder = self.state.folder(job)
        outcome = folder.outcome()
        if process.code() == 0 and outcome.done:
            return outcome
        if process.interrupted or (self._stopping and process.code()):
            return Outcome(Status.INTERRUPTED, run=outcome.run)
        reason = process.reason() if process.code() else "it ended without a summary"
        folder.write(folder.asked() or {}, reason)
        return Outcome(Status.FAILED, reason, outcome.run)

    def _settle(self, job: Job, outcome: Outcome, said: str = "") -> None:
        self.state.outcomes[job] = outcome
        if said:
            left = self._clock.left(self._waiting, [(job, pair[0].seconds()) for job, pair in self._running.items()])
            rest = f"; about {spoken(left)} left" if left else ""
            self.tell(f"{self._count(job)} {said}{rest}")
        self.after()

    def _count(self, job: Job) -> str:
        begun = self._total - len(self._waiting)
        return f"[{begun}/{self._total}] {job.label}:"

    def _stop(self) -> None:
        self._stopping = True
        for process, _ in self._running.values():
            process.stop()
        if self._running:
            self.tell(f"stopping once what runs ({len(self._running)}) has saved; Ctrl-C again ends it at once")

    def _kill(self) -> None:
        for process, lock in self._running.values():
            process.kill()
            release(lock)
        self._running.clear()

    def _renews(self, job: Job) -> bool:
        return self.renew and bool(self.state.changed(job))

    def _refuse_changed(self, jobs: Sequence[Job]) -> None:
        if self.renew:
            return
        for job in jobs:
            changed = self.state.changed(job) if self.state.outcomes[job].done else []
            if changed:
                found = f"{job.label} is done, but was asked something else: {in_short(changed)}."
                raise UsageError(f"{found} {_UNCHANGED}")

    def _took_before(self) -> dict[Job, float]:
        runs = {job: outcome.run for job, outcome in self.state.outcomes.items() if outcome.done}
        return {job: seconds_of(run) for job, run in runs.items() if run is not None}
