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
from study_bench import FAKE, STUDY, Bench

from mstasks.errors import Interrupted, MstasksError, UsageError
from mstasks.recipe import load_recipe
from mstasks.study.job import Job
from mstasks.study.lock import acquire, release
from mstasks.study.outcome import Outcome, Status
from mstasks.study.results import Results
from mstasks.study.state import State
from mstasks.study.study import run_study

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
    assert first[1:3] == [str(bench.root / "dense/seed-0/recipe.yaml"), "seed=0"]
    assert last[1:3] == [str(bench.root / "sparse/seed-1/recipe.yaml"), "seed=1"]
    recipe = load_recipe(last[1]).recipe
    assert (recipe.method, recipe.optim.steps) == ("sparse", 4)
    assert recipe.sparsity is not None
    assert recipe.sparsity.target is not None
    assert recipe.sparsity.target.macs == 0.5


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
    assert load_recipe(bench.calls()[3]["call"][1]).recipe.optim.lr == 0.003
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


def test_a_recipe_that_is_edited_or_removed_meanwhile_changes_nothing(bench: Bench) -> None:
    wide = TUNED.replace("[0, 1]", "[0, 1, 2]")
    plan, recipe = bench.plan(wide), bench.folder / "base.yaml"

    def tell(line: str) -> None:
        bench.told.append(line)
        if "dense/tuning/optim.lr=0.003" in line:
            recipe.write_text(recipe.read_text().replace("steps: 4", "steps: 99"))
        elif "dense/seed-1" in line:
            recipe.unlink()
            (bench.folder / "a.study.yaml").unlink()

    results = run_study(plan, plan.jobs, bench.root, tell=tell, program=FAKE)
    assert set(statuses(results).values()) == {Status.DONE}
    runs = [outcome.run for outcome in results.state.outcomes.values()]
    assert {json.loads((run / "resolved.yaml").read_text())["optim.steps"] for run in runs if run is not None} == {4}
    for job in plan.jobs:
        if not results.state.is_trial_again(job):
            asked = json.loads((bench.root / job.folder / "job.json").read_text())["asked"]
            assert asked["recipe"]["optim"]["steps"] == 4
    assert "compare: {baseline: dense, select: val}" in (bench.root / "study.html").read_text()


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


def test_tables_that_cannot_be_written_stop_no_run(bench: Bench) -> None:
    (bench.root / "results.md").mkdir(parents=True)
    with pytest.raises(OSError, match=r"results\.md"):
        bench.run(bench.plan())
    assert len(list(bench.root.rglob("summary.json"))) == 4
    assert any(line.startswith("the results could not be written: ") for line in bench.told)


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


def test_a_damaged_summary_is_told_and_its_run_made_again(bench: Bench) -> None:
    bench.run(bench.plan())
    file = bench.root / "dense/seed-0/fake/001/summary.json"
    file.write_text("{")
    found = State.read(bench.plan(), bench.root).outcomes[Job("dense", 0)]
    assert found.status is Status.FAILED
    assert found.reason == f"{file} is damaged; it is left there and the run made again"
    results = bench.run(bench.plan())
    assert set(statuses(results).values()) == {Status.DONE}
    assert labels(bench)[4:] == ["fit dense/seed-0"]


def test_a_summary_that_lacks_what_it_needs_is_named(bench: Bench) -> None:
    bench.run(bench.plan())
    file = bench.root / "dense/seed-0/fake/001/summary.json"
    file.write_text('{"parent": null}')
    with pytest.raises(
        MstasksError, match=r"dense/seed-0/fake/001/summary.json: damaged: KeyError\('seconds'\)\. Remove"
    ):
        bench.run(bench.plan(), [Job("dense", 1)])


def test_a_run_that_fails_again_can_be_started_anew(bench: Bench, behave: Callable[..., None]) -> None:
    behave(fail=["sparse/seed-0"])
    bench.run(bench.plan())
    results = bench.run(bench.plan())
    assert results.state.outcomes[Job("sparse", 0)].reason == (
        "the loss is not finite at step 3 (after it went on from its last checkpoint; --renew starts it anew)"
    )
    behave()
    results = bench.run(bench.plan(), renew=True)
    assert set(statuses(results).values()) == {Status.DONE}
    assert labels(bench)[4:] == ["fit sparse/seed-0/fake/001", "fit sparse/seed-0"]
    assert (bench.root / "sparse/seed-0.1/fake/001").is_dir()


def test_what_the_command_line_overrides_of_an_adaptation_comes_last(bench: Bench) -> None:
    text = ADAPTED.replace("shots: [5, 10]", "shots: 5, overrides: [adapt.grow=true]")
    plan = bench.plan(text, overrides=["adapt.grow=false", "optim.steps=6"])
    bench.run(plan, [Job("few", 0, 5)])
    assert bench.calls()[1]["call"][2:5] == ["adapt.grow=true", "adapt.grow=false", "--task"]
    assert load_recipe(bench.root / "dense/seed-0/recipe.yaml").recipe.optim.steps == 6
