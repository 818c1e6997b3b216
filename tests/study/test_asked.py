"""What is asked holds what a result depends on, and neither machine nor place."""

from __future__ import annotations

import json
from pathlib import Path

from study_bench import STUDY, Bench

from mstasks.study.asked import Asked, ask
from mstasks.study.job import Job

FEW = STUDY.replace("  dense:", "  dense: {overrides: ['unseen={normals: {}}']}").replace(
    "compare:",
    '  few: {adapt: dense, task: normals, shots: 5, overrides: ["adapt.baselines=[{arm.sparse}]"]}\ncompare:',
)


def changes(bench: Bench, job: Job, old: str, new: str) -> list[str]:
    """What differs for a job if the text of the study does."""
    assert old in FEW
    before = json.loads(json.dumps(ask(bench.plan(FEW), job, {}).content))
    return ask(bench.plan(FEW.replace(old, new)), job, {}).differences(before)


def test_the_same_study_asks_the_same(bench: Bench) -> None:
    assert changes(bench, Job("few", 0, 5), "name: small", "name: small") == []


def test_a_change_of_a_parent_is_one_of_what_builds_on_it(bench: Bench) -> None:
    found = ["needs.sparse.sparsity.target.macs was 0.5, is 0.25"]
    assert changes(bench, Job("few", 0, 5), "macs: 0.5", "macs: 0.25") == [
        found[0].replace("needs.sparse.", "needs.sparse.recipe.")
    ]
    assert changes(bench, Job("dense", 0), "macs: 0.5", "macs: 0.25") == []


def test_the_task_and_number_of_shots_and_draws_count(bench: Bench) -> None:
    found = changes(bench, Job("few", 0, 5), "task: normals", "draws: 7, task: normals")
    assert found == ["draws was 5, is 7"]


def test_what_changes_no_number_is_no_change(bench: Bench) -> None:
    before = json.loads(json.dumps(ask(bench.plan(FEW), Job("few", 0, 5), {}).content))
    harmless = ["data.workers=2", "data.cache=fill", "data.cache_gib=1", "run.pictures=0"]
    assert ask(bench.plan(FEW, overrides=harmless), Job("few", 0, 5), {}).differences(before) == []
    now = ask(bench.plan(FEW, overrides=["data.batch_size=4"]), Job("few", 0, 5), {}).differences(before)
    assert now[0] == "data.batch_size was 8, is 4"
    assert len(now) == 3  # and of both arms that it builds on


def test_where_the_data_lie_is_no_change_and_a_task_option_called_root_is() -> None:
    now = Asked({"recipe": {"data": {"root": "/b"}, "tasks": {"depth": {"root": "/b"}}}}, frozenset())
    before = {"recipe": {"data": {"root": "/a"}, "tasks": {"depth": {"root": "/a"}}}}
    assert now.differences(before) == ["tasks.depth.root was the text '/a', is the text '/b'"]


def test_seed_and_place_do_not_count_as_a_change_of_the_recipe(bench: Bench, tmp_path: Path) -> None:
    content = json.dumps(ask(bench.plan(FEW), Job("few", 1, 5), {}).content)
    assert str(tmp_path) not in content
    assert json.loads(content)["seed"] == 1


def test_a_new_key_with_its_default_is_no_change_and_a_new_value_is() -> None:
    now = Asked({"recipe": {"old": 1, "new": 2}}, frozenset({("recipe", "new")}))
    assert now.differences({"recipe": {"old": 1}}) == []
    assert now.differences({"recipe": {"old": 1, "new": 3}}) == ["new was 3, is 2"]
    assert Asked(now.content, frozenset()).differences({"recipe": {"old": 1}}) == ["new was not there, is 2"]
    assert now.differences({"recipe": {"old": 1, "gone": 5}}) == ["gone was 5, is gone"]
