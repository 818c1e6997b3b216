"""What was interrupted goes on, and nothing runs twice at once."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from study_bench import FAKE, TUNED, Bench, labels, statuses

from mstasks.errors import Interrupted
from mstasks.recipe import load_recipe
from mstasks.study.job import Job
from mstasks.study.lock import acquire, release
from mstasks.study.outcome import Outcome, Status
from mstasks.study.state import State
from mstasks.study.study import run_study


def during(bench: Bench, part: str, act: Callable[[Path], None]) -> None:
    """Do something in a thread once the run of a job hangs."""

    def wait() -> None:
        for _ in range(1000):
            if found := list(bench.root.glob(f"{part}/fake/*/hangs")):
                act(found[0].parent)
                return
            time.sleep(0.01)

    threading.Thread(target=wait, daemon=True).start()


def child_of(run: Path) -> int:
    """The process that trains a run."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                command = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(run.parents[1]).encode() in command:
                return int(folder.name)
    raise AssertionError("no process trains this run")


def test_a_run_that_is_killed_says_so(bench: Bench, behave: Callable[..., None]) -> None:
    behave(hang=["sparse/seed-0"])
    during(bench, "sparse/seed-0", lambda run: os.kill(child_of(run), signal.SIGKILL))
    results = bench.run(bench.plan())
    killed = results.state.outcomes[Job("sparse", 0)]
    assert (killed.status, killed.reason) == (Status.FAILED, "killed by SIGKILL (often for want of memory)")


def test_ctrl_c_lets_every_run_save_once_and_the_same_command_goes_on(
    bench: Bench, behave: Callable[..., None]
) -> None:
    behave(hang=["sparse/seed-0"])
    during(bench, "sparse/seed-0", lambda _: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Interrupted, match=r"stopped; 1 of 4 runs are done\."):
        bench.run(bench.plan())
    run = bench.root / "sparse/seed-0/fake/001"
    assert (run / "signals").read_text() == "1"
    assert "stopping once what runs (1) has saved; Ctrl-C again ends it at once" in bench.told
    assert "1 of 4 runs are done, 3 are still to come." in (bench.root / "results.md").read_text()

    behave()
    results = bench.run(bench.plan())
    assert set(statuses(results).values()) == {Status.DONE}
    assert json.loads((run / "summary.json").read_text())["keys"]["resumed"] is True
    assert labels(bench).count("fit dense/seed-0") == 1


def test_a_second_ctrl_c_ends_the_runs(bench: Bench, behave: Callable[..., None]) -> None:
    behave(hang=["dense/seed-0"])

    def twice(run: Path) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    during(bench, "dense/seed-0", twice)
    with pytest.raises((KeyboardInterrupt, Interrupted)):
        bench.run(bench.plan())
    with pytest.raises(AssertionError, match="no process trains this run"):
        child_of(bench.root / "dense/seed-0/fake/001")


def test_a_job_that_another_process_runs_is_left_to_it(bench: Bench) -> None:
    first = bench.run(bench.plan(), [Job("dense", 0)])
    run = first.state.outcomes[Job("dense", 0)].run
    assert run is not None
    (run / "summary.json").rename(run / "later")
    lock = acquire(bench.root, Job("dense", 0).folder)
    assert lock is not None

    def end_elsewhere() -> None:
        wait_until(lambda: len(bench.calls()) == 4)  # nothing else is left to do
        time.sleep(0.3)
        (run / "later").rename(run / "summary.json")
        release(lock)

    threading.Thread(target=end_elsewhere, daemon=True).start()
    results = bench.run(bench.plan())
    assert set(statuses(results).values()) == {Status.DONE}
    assert labels(bench).count("fit dense/seed-0") == 1
    assert bench.told.count("dense, seed 0: another process runs it; waiting for that") == 1
    assert any("dense, seed 0: done by another process" in line for line in bench.told)


def test_a_job_whose_other_process_was_killed_goes_on_here(bench: Bench, behave: Callable[..., None]) -> None:
    behave(stop=["dense/seed-0"])
    bench.run(bench.plan(), [Job("dense", 0)])
    behave()
    lock = acquire(bench.root, Job("dense", 0).folder)
    assert lock is not None
    threading.Timer(0.5, release, (lock,)).start()
    results = bench.run(bench.plan(), [Job("dense", 0)])
    assert results.state.outcomes[Job("dense", 0)].done
    assert labels(bench) == ["fit dense/seed-0", "fit dense/seed-0/fake/001"]


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came about")


def test_a_trial_that_was_interrupted_lets_nothing_be_chosen(bench: Bench, behave: Callable[..., None]) -> None:
    behave(stop=["tuning/optim.lr=0.003"])
    results = bench.run(bench.plan(TUNED))
    waits = results.state.outcomes[Job("dense", 1)]
    assert waits.status is Status.OPEN
    assert waits.reason == "it needs dense, seed 0, tuning optim.lr=0.003: interrupted"
    assert "fit dense/seed-1" not in labels(bench)
    assert "| chosen |" not in (bench.root / "results.md").read_text()
    behave()
    results = bench.run(bench.plan(TUNED))
    assert set(statuses(results).values()) == {Status.DONE}
    assert load_recipe(bench.root / "dense/seed-1/recipe.yaml").recipe.optim.lr == 0.003


def test_nothing_is_chosen_while_another_process_runs_a_trial(bench: Bench) -> None:
    plan = bench.plan(TUNED)
    trial = plan.trials(Job("dense", 1))[1]
    lock = acquire(bench.root, trial.folder)
    assert lock is not None

    def let_go() -> None:
        wait_until(lambda: len(bench.calls()) == 3)  # the other trial, and both runs of `sparse`
        time.sleep(0.3)
        assert len(bench.calls()) == 3
        release(lock)

    threading.Thread(target=let_go, daemon=True).start()
    results = bench.run(plan)
    assert set(statuses(results).values()) == {Status.DONE}
    assert load_recipe(bench.root / "dense/seed-1/recipe.yaml").recipe.optim.lr == 0.003


def test_two_processes_share_the_work_and_the_tables_hold_all_of_it(bench: Bench) -> None:
    plan, other = bench.plan(), Bench(bench.folder)
    begun: list[str] = []

    def tell(line: str) -> None:
        begun.append(line)
        if len(begun) == 1:  # while the first job runs here, another process does `sparse`
            other.run(other.plan(), [Job("sparse", 0), Job("sparse", 1)])

    results = run_study(plan, [Job("dense", 0), Job("dense", 1)], bench.root, tell=tell, program=FAKE)
    assert set(statuses(results).values()) == {Status.DONE}
    assert "4 of 4 runs are done." in (bench.root / "results.md").read_text()
    assert len(bench.calls()) == 4


def test_a_run_that_another_process_set_aside_is_gone_from_the_tables(bench: Bench) -> None:
    plan = bench.plan()
    bench.run(plan)
    state = State.read(plan, bench.root)
    state.folder(Job("dense", 0)).set_aside()
    state.outcomes[Job("sparse", 1)] = refused = Outcome(Status.BLOCKED, "it needs something")
    (bench.root / "sparse/seed-1/fake/001/summary.json").unlink()
    state.refresh([Job("dense", 1)])
    assert state.outcomes[Job("dense", 0)].status is Status.OPEN
    assert state.outcomes[Job("sparse", 1)] == refused


def test_an_error_of_the_study_itself_lets_runs_save(bench: Bench, behave: Callable[..., None]) -> None:
    behave(hang=["dense/seed-0"])
    plan = bench.plan()

    def tell(line: str) -> None:
        if "sparse, seed 0: done" in line:
            wait_until(lambda: (bench.root / "dense/seed-0/fake/001/hangs").is_file())
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run_study(plan, plan.jobs, bench.root, parallel=2, tell=tell, program=FAKE)
    assert (bench.root / "dense/seed-0/fake/001/signals").read_text() == "1"
