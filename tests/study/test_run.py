"""What is done is never run again, what fails is a row, what was interrupted goes on, and nothing runs twice at once."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from study_bench import STUDY, Bench

from mstasks.errors import Interrupted, UsageError
from mstasks.study.job import Job
from mstasks.study.lock import acquire, release
from mstasks.study.outcome import Status
from mstasks.study.results import Results

TUNED = STUDY.replace("  dense:", "  dense: {tune: {optim.lr: [1e-3, 3e-3]}}")
ADAPTED = STUDY.replace(
    "  dense:\n",
    "  dense: {overrides: ['unseen={normals: {}}']}\n  few: {adapt: dense, task: normals, shots: [5, 10]}\n",
)


def labels(bench: Bench) -> list[str]:
    """What was run, as folders below that of the study."""
    made = []
    for call in bench.calls():
        words = call["call"]
        path = words[words.index("--out" if "--out" in words else "--resume") + 1]
        made.append(f"{words[0]} {Path(path).relative_to(bench.root)}")
    return made


def statuses(results: Results) -> dict[str, Status]:
    return {job.label: outcome.status for job, outcome in results.state.outcomes.items()}


def test_each_arm_and_seed_is_a_run_with_its_seed(bench: Bench) -> None:
    results = bench.run(bench.plan())
    assert set(statuses(results).values()) == {Status.DONE}
    assert labels(bench) == ["fit dense/seed-0", "fit sparse/seed-0", "fit dense/seed-1", "fit sparse/seed-1"]
    first, last = bench.calls()[0]["call"], bench.calls()[3]["call"]
    assert first[1] == str(bench.folder / "base.yaml")
    assert "seed=0" in first
    assert last[2:5] == ["method=sparse", "sparsity={strength: priced, target: {macs: 0.5}}", "seed=1"]


def test_what_is_done_is_not_run_again(bench: Bench) -> None:
    bench.run(bench.plan())
    before = {path: path.stat().st_mtime_ns for path in bench.root.rglob("summary.json")}
    assert len(before) == 4
    bench.run(bench.plan())
    assert len(bench.calls()) == 4
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_another_seed_adds_its_runs_alone(bench: Bench) -> None:
    bench.run(bench.plan())
    plan = bench.plan(seeds=(7,))
    results = bench.run(plan, [job for job in plan.jobs if job.seed == 7])
    assert labels(bench)[4:] == ["fit dense/seed-7", "fit sparse/seed-7"]
    assert len(results.state.outcomes) == 6


def test_a_run_that_fails_is_a_row_with_its_last_line_and_the_others_go_on(
    bench: Bench, behave: Callable[..., None]
) -> None:
    behave(fail=["sparse/seed-0"])
    results = bench.run(bench.plan())
    failed = results.state.outcomes[Job("sparse", 0)]
    assert (failed.status, failed.reason) == (Status.FAILED, "the loss is not finite at step 3")
    assert sum(outcome.done for outcome in results.state.outcomes.values()) == 3
    table = (bench.root / "results.md").read_text()
    assert "| sparse, seed 0 | failed | the loss is not finite at step 3 |" in table
    assert "3 of 4 runs are done, 1 failed." in table
    rows = (bench.root / "results.csv").read_text().splitlines()
    assert [row for row in rows if row.startswith("small,sparse,0,,,failed,the loss is not finite at step 3,")]


def test_a_run_that_failed_is_tried_again_from_where_it_was(bench: Bench, behave: Callable[..., None]) -> None:
    behave(fail=["sparse/seed-0"])
    bench.run(bench.plan())
    behave()
    results = bench.run(bench.plan())
    assert set(statuses(results).values()) == {Status.DONE}
    assert labels(bench)[4:] == ["fit sparse/seed-0/fake/001"]
    assert bench.calls()[4]["call"][:2] == ["fit", "--resume"]


def test_a_run_that_is_killed_says_so(bench: Bench, behave: Callable[..., None]) -> None:
    behave(hang=["sparse/seed-0"])
    during(bench, "sparse/seed-0", lambda run: os.kill(child_of(run), signal.SIGKILL))
    results = bench.run(bench.plan())
    killed = results.state.outcomes[Job("sparse", 0)]
    assert (killed.status, killed.reason) == (Status.FAILED, "killed by SIGKILL (often for want of memory)")


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
    lock = acquire(bench.root, Job("dense", 0).folder)
    assert lock is not None
    results = bench.run(bench.plan())
    assert statuses(results)["dense, seed 0"] is Status.ELSEWHERE
    assert "fit dense/seed-0" not in labels(bench)
    release(lock)
    results = bench.run(bench.plan())
    assert set(statuses(results).values()) == {Status.DONE}


def test_a_changed_arm_is_refused_before_anything_runs(bench: Bench) -> None:
    bench.run(bench.plan())
    plan = bench.plan(STUDY.replace("macs: 0.5", "macs: 0.25").replace("[0, 1]", "[0, 1, 2]"))
    with pytest.raises(
        UsageError, match=r"sparse, seed 0 is done, but .* sparsity.target.macs was 0.5, is 0.25\. Give"
    ):
        bench.run(plan)
    assert len(bench.calls()) == 4


def test_renew_sets_the_old_run_aside_and_keeps_what_has_not_changed(bench: Bench) -> None:
    bench.run(bench.plan())
    results = bench.run(bench.plan(STUDY.replace("macs: 0.5", "macs: 0.25")), renew=True)
    assert labels(bench)[4:] == ["fit sparse/seed-0", "fit sparse/seed-1"]
    assert (bench.root / "sparse/seed-0.1/fake/001/summary.json").is_file()
    assert set(statuses(results).values()) == {Status.DONE}


def test_a_failed_run_that_has_changed_starts_anew_without_asking(bench: Bench, behave: Callable[..., None]) -> None:
    behave(fail=["sparse/seed-0"])
    bench.run(bench.plan())
    behave()
    bench.run(bench.plan(STUDY.replace("macs: 0.5", "macs: 0.25")), [Job("sparse", 0)])
    assert labels(bench)[4:] == ["fit sparse/seed-0"]
    assert any("sparsity.target.macs was 0.5, is 0.25; what was there is now" in line for line in bench.told)


def test_a_moved_study_is_still_done(bench: Bench, tmp_path: Path) -> None:
    text = ADAPTED.replace("[method=sparse,", '["sparsity.reference={arm.dense}", method=sparse,')
    bench.run(bench.plan(text))
    calls = len(bench.calls())
    assert calls == 8
    moved = bench.root.rename(tmp_path / "elsewhere")
    bench.root.parent.rmdir()
    other = Bench(tmp_path)
    from mstasks.study.study import run_study

    plan = other.plan(text)
    results = run_study(plan, plan.jobs, moved, tell=other.told.append, program=("false",))
    assert set(statuses(results).values()) == {Status.DONE}


def test_several_runs_at_once_share_the_threads(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    bench.run(bench.plan(), parallel=3)
    assert {call["threads"] for call in bench.calls()} == {"2"}
    assert len(bench.calls()) == 4


def test_an_arm_that_refers_to_another_runs_after_it_on_its_run(bench: Bench) -> None:
    text = STUDY.replace("  dense:\n", "").replace(
        "[method=sparse,", '["sparsity.reference={arm.dense}", method=sparse,'
    )
    bench.run(bench.plan(text.replace("compare:", "  dense: {}\ncompare:")), parallel=4)
    made = labels(bench)
    for seed in (0, 1):
        assert made.index(f"fit dense/seed-{seed}") < made.index(f"fit sparse/seed-{seed}")
        call = bench.calls()[made.index(f"fit sparse/seed-{seed}")]["call"]
        assert f"sparsity.reference={bench.root}/dense/seed-{seed}/fake/001" in call


def test_adaptations_follow_their_arm_at_every_number_of_shots(bench: Bench) -> None:
    bench.run(bench.plan(ADAPTED), [Job("few", 0, 5), Job("few", 0, 10)])
    assert labels(bench) == ["fit dense/seed-0", "adapt few/seed-0/shots-5", "adapt few/seed-0/shots-10"]
    call = bench.calls()[1]["call"]
    assert call[:2] == ["adapt", str(bench.root / "dense/seed-0/fake/001")]
    assert call[2:8] == ["--task", "normals", "--shots", "5", "--draws", "5"]


def test_what_builds_on_a_failed_run_says_which(bench: Bench, behave: Callable[..., None]) -> None:
    behave(fail=["dense/seed-0"])
    results = bench.run(bench.plan(ADAPTED))
    blocked = results.state.outcomes[Job("few", 0, 5)]
    assert blocked.status is Status.BLOCKED
    assert blocked.reason == "it needs dense, seed 0: the loss is not finite at step 3"
    assert results.state.outcomes[Job("few", 1, 5)].done


def test_tuning_tries_all_values_with_the_first_seed_and_reuses_the_winner(bench: Bench) -> None:
    results = bench.run(bench.plan(TUNED))
    assert labels(bench) == [
        "fit dense/tuning/optim.lr=0.001/seed-0",
        "fit dense/tuning/optim.lr=0.003/seed-0",
        "fit sparse/seed-0",
        "fit dense/seed-1",
        "fit sparse/seed-1",
    ]
    assert "optim.lr=0.003" in bench.calls()[3]["call"]
    run = results.state.outcomes[Job("dense", 0)].run
    assert run is not None
    assert run.relative_to(bench.root) == Path("dense/tuning/optim.lr=0.003/seed-0/fake/001")
    table = (bench.root / "results.md").read_text()
    assert "| dense | optim.lr=0.001 | 0.0010 |  |" in table
    assert "| dense | optim.lr=0.003 | 0.0030 | chosen |" in table
    bench.run(bench.plan(TUNED))
    assert len(bench.calls()) == 5


def test_a_wider_grid_that_changes_the_winner_is_not_mixed_with_old_runs(bench: Bench) -> None:
    bench.run(bench.plan(TUNED))
    wider = TUNED.replace("3e-3]", "3e-3, 1e-2]")
    results = bench.run(bench.plan(wider))
    assert labels(bench)[5:] == ["fit dense/tuning/optim.lr=0.01/seed-0"]
    old = results.state.outcomes[Job("dense", 1)]
    assert old.status is Status.FAILED
    assert "optim.lr was 0.003, is 0.01" in old.reason
    results = bench.run(bench.plan(wider), renew=True)
    assert labels(bench)[6:] == ["fit dense/seed-1"]
    assert set(statuses(results).values()) == {Status.DONE}


def test_one_line_as_each_run_starts_and_ends_with_what_is_left(bench: Bench) -> None:
    bench.run(bench.plan())
    assert bench.told[0] == f"[1/4] dense, seed 0: started: {bench.root}/dense/seed-0"
    assert bench.told[1].startswith("[1/4] dense, seed 0: done after ")
    assert bench.told[-1].startswith("[4/4] sparse, seed 1: done after ")


def test_networks_are_timed_once_at_the_end(bench: Bench) -> None:
    text = STUDY + "bench: true\n"
    bench.run(bench.plan(text))
    assert [call["call"][0] for call in bench.calls()] == ["fit"] * 4 + ["bench"] * 2
    assert "2.50 ms" in (bench.root / "results.md").read_text()
    bench.run(bench.plan(text))
    assert len(bench.calls()) == 6
