"""Running the jobs of a study: in order, some at once, each once, until all have ended or somebody stops them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from mstasks.errors import Interrupted, UsageError
from mstasks.report.wording import duration
from mstasks.study.asked import in_short
from mstasks.study.command import Commands, environment
from mstasks.study.job import Job
from mstasks.study.job_folder import JobFolder
from mstasks.study.lock import acquire, release
from mstasks.study.outcome import Outcome, Status
from mstasks.study.process import Process
from mstasks.study.progress import Clock
from mstasks.study.state import State
from mstasks.study.summaries import seconds_of
from mstasks.train.stopping import StopRequest

_PAUSE = 0.1
_UNCHANGED = "Give the arm another name, the study another --out, or run again with --renew, which keeps the old runs."


@dataclass(frozen=True, slots=True)
class _Running:
    """The process of a job, the lock that it has, and whether it goes on from a checkpoint."""

    process: Process
    lock: int
    resumed: bool


@dataclass(slots=True)
class Runner:
    """Runs jobs.

    Attributes:
        state: How all jobs stand.
        commands: Makes their command lines.
        parallel: How many run at once.
        renew: Whether a run that failed, or is complete and was asked something else, is set aside and made again.
        tell: Gets a line for the user.
        after: Called whenever a job has ended; what it raises is told.
    """

    state: State
    commands: Commands
    parallel: int
    renew: bool
    tell: Callable[[str], None]
    after: Callable[[], None]
    _waiting: list[Job] = field(default_factory=list)
    _running: dict[Job, _Running] = field(default_factory=dict)
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
            except Exception:  # an error of this process must not cost the runs what they have not saved
                self._let_save()
                raise
            finally:  # a second Ctrl-C
                self._kill()

    def _loop(self, stop: StopRequest) -> None:
        while self._running or (self._waiting and not self._stopping):
            if stop.requested and not self._stopping:
                self._stop()
            started = False
            while not self._stopping and len(self._running) < self.parallel and self._start_next():
                started = True
            self._collect()
            time.sleep(_PAUSE if self._running or not started else 0)
        if self._stopping:
            done = sum(outcome.done for outcome in self.state.outcomes.values())
            raise Interrupted(f"stopped; {done} of {len(self.state.outcomes)} runs are done.")

    def _start_next(self) -> bool:
        """Start the first job that can be, or settle it without a process; False if there is none.

        What another process runs waits here until that has ended.
        """
        return any(self._start(job) for job in list(self._waiting) if not self._pending(job))

    def _pending(self, job: Job) -> bool:
        return any(need in self._waiting or need in self._running for need in self.state.plan.needs(job))

    def _start(self, job: Job) -> bool:
        state = self.state
        settled = state.of_winner(job) if state.is_trial_again(job) else state.blocked_by(job)
        lock = None if settled else acquire(state.root, job.folder)
        if settled is None and lock is None:
            self._leave(job)
            return False
        self._waiting.remove(job)
        if lock is not None:
            settled = self._prepare(job, state.folder(job))
            if settled is None:
                self._launch(job, state.folder(job), lock)
                return True
            release(lock)
        assert settled is not None  # else it was launched
        elsewhere = state.outcomes[job].status is Status.ELSEWHERE
        self._settle(job, settled, said=settled.reason or ("done by another process" if elsewhere else ""))
        return True

    def _leave(self, job: Job) -> None:
        if self.state.outcomes[job].status is not Status.ELSEWHERE:
            self.state.outcomes[job] = Outcome(Status.ELSEWHERE, "another process runs it")
            self.tell(f"{job.label}: another process runs it; waiting for that")

    def _prepare(self, job: Job, folder: JobFolder) -> Outcome | None:
        """Set aside what was asked something else, or is to be made anew; the outcome if nothing is to be run."""
        before, changed = folder.outcome(), self.state.changed(job)
        why = in_short(changed)
        if changed and before.done and not self.renew:  # a tuning that has only now been decided otherwise
            return Outcome(Status.FAILED, f"its run was asked something else: {why}. {_UNCHANGED}")
        failed = before.status is Status.FAILED
        if not changed:
            if before.done or (failed and self.state.outcomes[job].status is Status.ELSEWHERE):
                return before
            if not (failed and self.renew):
                return None
            why = f"it had failed ({before.reason})"
        aside = folder.set_aside()
        self.tell(f"{job.label}: {why}; what was there is now {aside}")
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
        self._running[job] = _Running(process, lock, begun is not None)
        self.tell(f"{self._count(job)} {'goes on' if begun is not None else 'started'}: {folder.path}")

    def _collect(self) -> None:
        for job, running in list(self._running.items()):
            process = running.process
            if process.code() is not None:
                del self._running[job]
                outcome = self._ended(job, running)
                release(running.lock)
                if outcome.done:
                    self._clock.took[job] = process.seconds()
                words = f"{outcome.status.value} after {duration(process.seconds())}"
                self._settle(job, outcome, said=f"{words}{': ' if outcome.reason else ''}{outcome.reason}")

    def _ended(self, job: Job, running: _Running) -> Outcome:
        process = running.process
        folder = self.state.folder(job)
        outcome = folder.outcome()
        if process.code() == 0 and outcome.done:
            return outcome
        if process.interrupted or (self._stopping and process.code()):
            return Outcome(Status.INTERRUPTED, run=outcome.run)
        reason = process.reason() if process.code() else "it ended without a summary"
        if running.resumed:
            reason += " (after it went on from its last checkpoint; --renew starts it anew)"
        folder.write(folder.asked() or {}, reason)
        return Outcome(Status.FAILED, reason, outcome.run)

    def _settle(self, job: Job, outcome: Outcome, said: str = "") -> None:
        self.state.outcomes[job] = outcome
        if said:
            running = [(other, one.process.seconds()) for other, one in self._running.items()]
            left = self._clock.left(self._waiting, running)
            rest = f"; about {duration(left)} left" if left else ""
            self.tell(f"{self._count(job)} {said}{rest}")
        self._report()

    def _report(self) -> None:
        try:
            self.state.refresh({*self._waiting, *self._running})
            self.after()
        except Exception as error:  # the runs matter more than their tables, which are written again at the end
            self.tell(f"the results could not be written: {error or type(error).__name__}")

    def _count(self, job: Job) -> str:
        begun = self._total - len(self._waiting)
        return f"[{begun}/{self._total}] {job.label}:"

    def _stop(self) -> None:
        self._stopping = True
        for running in self._running.values():
            running.process.stop()
        if self._running:
            self.tell(f"stopping once what runs ({len(self._running)}) has saved; Ctrl-C again ends it at once")

    def _let_save(self) -> None:
        for running in self._running.values():
            if not self._stopping:  # else it was asked to, and would not save if it were asked again
                running.process.stop()
        for running in self._running.values():
            while running.process.code() is None:
                time.sleep(_PAUSE)

    def _kill(self) -> None:
        for running in self._running.values():
            running.process.kill()
            release(running.lock)
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
        found = {}
        for job, outcome in self.state.outcomes.items():
            if outcome.done and outcome.run is not None:
                with suppress(KeyError, TypeError, ValueError):  # told when tables are written; runs need no estimate
                    found[job] = seconds_of(outcome.run)
        return found
