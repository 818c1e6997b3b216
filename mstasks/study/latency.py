"""Timing one network of each arm at the end of a study, when nothing else runs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mstasks.errors import Interrupted
from mstasks.runfolder import RunFolder
from mstasks.study.command import Commands, environment
from mstasks.study.job import Job
from mstasks.study.lock import acquire, release
from mstasks.study.process import Process
from mstasks.study.state import State
from mstasks.train.stopping import StopRequest

BACKEND, BATCH = "channels_last", 1
_FILE = re.compile(r"bench(?:-(\d+))?\.json")


def milliseconds(run: RunFolder) -> float | None:
    """One image through the run's network without its dead channels, or through its networks one after another."""
    medians = [_median(part) for part in (run.children().values() or [run])]
    known = [median for median in medians if median is not None]
    return 1e3 * sum(known) if len(known) == len(medians) else None


def time_networks(state: State, commands: Commands, tell: Callable[[str], None]) -> None:
    """Run `mstasks bench` on the first seed's run of each trained arm, where it was not run yet.

    Raises:
        Interrupted: On Ctrl-C or SIGTERM.
    """
    with StopRequest() as stop:
        for name, arm in state.plan.loaded.arms.items():
            job = Job(name, state.plan.seeds[0])
            outcome = state.outcomes.get(job)
            if arm.shots or outcome is None or not outcome.done or outcome.run is None:
                continue
            run = RunFolder(outcome.run)
            for part in run.children().values() or [run]:
                if _median(part) is None and not stop.requested:
                    _time(state, job, part, commands, tell, stop)
        if stop.requested:
            raise Interrupted("stopped while networks were being timed; all runs are done.")


def _time(
    state: State, job: Job, run: RunFolder, commands: Commands, tell: Callable[[str], None], stop: StopRequest
) -> None:
    lock = acquire(state.root, job.folder)
    if lock is None:
        return
    process = Process.start(commands.bench(run.path), state.root / "bench.txt", environment(1), lock)
    while process.code() is None:
        time.sleep(0.1)
        if stop.requested:
            process.kill()
    release(lock)
    told = "timed" if process.code() == 0 else f"could not be timed: {process.reason()}"
    tell(f"{job.label}{f', {run.path.name}' if run.path.parent.name == 'tasks' else ''}: {told}")


def _median(run: RunFolder) -> float | None:
    """Seconds of the compact network if the run has dead channels, else of the dense one."""
    for file in _newest_first(run):
        arms = _arms(file.read_text(encoding="utf-8"))
        for network in ("compact", "dense"):
            if network in arms:
                return arms[network]
    return None


def _newest_first(run: RunFolder) -> list[Path]:
    """Files of `mstasks bench`, which counts them: bench.json, bench-2.json, ..., bench-10.json."""
    found = [(match, file) for file in run.path.glob("bench*.json") if (match := _FILE.fullmatch(file.name))]
    return [file for match, file in sorted(found, key=lambda pair: int(pair[0][1] or 1), reverse=True)]


def _arms(content: str) -> dict[str, float]:
    arms: list[dict[str, Any]] = json.loads(content)["arms"]
    chosen = [arm for arm in arms if arm["backend"] == BACKEND and arm["batch"] == BATCH]
    return {arm["network"]: float(arm["seconds"]["median"]) for arm in chosen}
