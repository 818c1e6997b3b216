"""What is done is never run again, what fails is a row, and what has changed is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from study_bench import FAKE, STUDY, TUNED, Bench, labels, statuses

from mstasks.errors import MstasksError, UsageError
from mstasks.recipe import load_recipe
from mstasks.study.job import Job
from mstasks.study.outcome import Status
from mstasks.study.state import State
from mstasks.study.study import run_study

ADAPTED = STUDY.replace(
    "  dense:\n",
    "  dense: {overrides: ['unseen={normals: {}}']}\n  few: {adapt: dense, task: normals, shots: [5, 10]}\n",
)


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


def test_tables_that_cannot_be_written_stop_no_run(bench: Bench) -> None:
    (bench.root / "results.md").mkdir(parents=True)
    with pytest.raises(OSError, match=r"results\.md"):
        bench.run(bench.plan())
    assert len(list(bench.root.rglob("summary.json"))) == 4
    assert any(line.startswith("the results could not be written: ") for line in bench.told)


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
