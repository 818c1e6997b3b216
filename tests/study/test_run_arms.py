"""Arms that build on others: references, adaptations and tuned values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from study_bench import STUDY, TUNED, Bench, labels, statuses

from mstasks.recipe import load_recipe
from mstasks.study.job import Job
from mstasks.study.outcome import Status

ADAPTED = STUDY.replace(
    "  dense:\n",
    "  dense: {overrides: ['unseen={normals: {}}']}\n  few: {adapt: dense, task: normals, shots: [5, 10]}\n",
)


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


def test_what_the_command_line_overrides_of_an_adaptation_comes_last(bench: Bench) -> None:
    text = ADAPTED.replace("shots: [5, 10]", "shots: 5, overrides: [adapt.grow=true]")
    plan = bench.plan(text, overrides=["adapt.grow=false", "optim.steps=6"])
    bench.run(plan, [Job("few", 0, 5)])
    assert bench.calls()[1]["call"][2:5] == ["adapt.grow=true", "adapt.grow=false", "--task"]
    assert load_recipe(bench.root / "dense/seed-0/recipe.yaml").recipe.optim.steps == 6
