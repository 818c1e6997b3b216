"""A study from its plan to its tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mstasks.study.asked import in_short
from mstasks.study.command import MSTASKS, Commands
from mstasks.study.files import write_results
from mstasks.study.job import Job, Plan
from mstasks.study.latency import time_networks
from mstasks.study.page import write_page
from mstasks.study.results import Results, read_results
from mstasks.study.run import Runner
from mstasks.study.state import State


def run_study(
    plan: Plan,
    wanted: Sequence[Job],
    root: Path,
    *,
    parallel: int = 1,
    renew: bool = False,
    tell: Callable[[str], None],
    program: tuple[str, ...] = MSTASKS,
) -> Results:
    """Run jobs as far as they are not done, and write results after each.

    Args:
        plan: The study.
        wanted: Jobs to run; those that they need run too.
        root: The study's folder.
        parallel: How many run at once.
        renew: See `Runner`.
        tell: Gets a line for the user.
        program: How mstasks is started.

    Raises:
        UsageError: Something done was asked something else.
        Interrupted: See `Runner.run`; results of what is done are written.
    """
    root.mkdir(parents=True, exist_ok=True)
    state = State.read(plan, root)
    commands = Commands(plan.loaded.recipes, program)
    names = dict.fromkeys(job.arm for job in wanted if not state.outcomes[job].done)
    plan.loaded.recipes.check_names(plan.loaded.arms[name] for name in names)

    def after() -> None:
        _written(state, root)

    Runner(state, commands, parallel, renew, tell, after).run(wanted)
    if plan.loaded.study.bench:
        time_networks(state, commands, tell)
    state.refresh(())
    return _written(state, root)


def report(plan: Plan, root: Path, tell: Callable[[str], None]) -> Results:
    """Write the results of what is there, and tell what was asked otherwise than the study asks now."""
    root.mkdir(parents=True, exist_ok=True)
    state = State.read(plan, root)
    for job in plan.jobs:
        changed = state.changed(job) if state.outcomes[job].done else []
        if changed:
            tell(f"note: {job.label} was asked something else: {in_short(changed)}")
    return _written(state, root)


def _written(state: State, root: Path) -> Results:
    results = read_results(state)
    write_results(results, root)
    write_page(results, root)
    return results
