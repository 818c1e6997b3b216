"""What is said at the end of a run: when, in which words, with which remedy."""

from __future__ import annotations

from typing import Any

import pytest

from mstasks.sparsity.advice import advice, at_floor, relative_changes, task_pays
from mstasks.sparsity.record import SpaceRecord, SparsityRecord


def record(*spaces: tuple[int, int, int]) -> SparsityRecord:
    """Spaces of (alive, size, floor)."""
    own = [
        SpaceRecord(f"s{index}", index, size, floor, "#" * alive + "." * (size - alive), None)
        for index, (alive, size, floor) in enumerate(spaces)
    ]
    return SparsityRecord("shared", "channel", None, tuple(own), ())


def task(value: float | None, *, higher: bool = True, metric: str = "miou") -> dict[str, Any]:
    return {"primary": metric, "higher_is_better": higher, "test": {metric: value, "other": 1.0}}


def summary(name: str = "priced", **tasks: dict[str, Any]) -> dict[str, Any]:
    return {"tasks": tasks, "sparsity": {"strength": {"name": name}}}


def test_spaces_at_their_floor_are_named() -> None:
    assert at_floor(record((4, 64, 4), (30, 64, 4), (1, 16, 1))) == [
        "2 of 3 spaces are at their floor: `s0` (4 of 64), `s2` (1 of 16). More would have left there, and other spaces "
        "paid for it. If scores suffer, allow a larger `sparsity.target` or a weaker `sparsity.strength`; if they do "
        "not, lower `sparsity.floor`."
    ]
    assert at_floor(record((4, 64, 4)))[0].startswith("1 of 1 space is at its floor: `s0` (4 of 64).")
    assert "`s3` (1 of 4) and 2 more." in at_floor(record(*[(1, 4, 1)] * 6))[0]


def test_spaces_that_could_never_lose_a_channel_are_not_named() -> None:
    assert at_floor(record((1, 1, 1), (8, 8, 8), (5, 8, 4))) == []


def test_changes_are_positive_if_better_whatever_the_metric() -> None:
    sparse = {"seg": task(0.44), "depth": task(0.9, higher=False, metric="rmse")}
    dense = {"seg": task(0.4), "depth": task(0.6, higher=False, metric="rmse")}
    assert relative_changes(sparse, dense) == pytest.approx({"seg": 0.1, "depth": -0.5})


def test_tasks_without_a_counterpart_are_left_out() -> None:
    sparse = {"a": task(0.4), "b": task(0.4), "c": task(None), "d": task(0.4), "e": task(0.4)}
    dense = {"b": task(0.4, metric="f1"), "c": task(0.4), "d": task(0.0), "e": task(None)}
    assert relative_changes(sparse, dense) == {}
    assert task_pays(summary(**sparse), {"tasks": dense}) == [
        "`sparsity.reference` has no task and metric in common with this run; name a dense run of the same tasks."
    ]


def test_the_task_that_pays_is_named_beside_the_others() -> None:
    sparse = summary(seg=task(0.404), normals=task(20.2, higher=False), depth=task(0.66, higher=False, metric="rmse"))
    dense = {"tasks": {"seg": task(0.4), "normals": task(20, higher=False), "depth": task(0.6, higher=False, metric="rmse")}}  # fmt: skip
    assert task_pays(sparse, dense) == [
        "Task 'depth' pays for the others: rmse 0.66 beside 0.6 of the dense run (-10.0 %); meanwhile seg +1.0 %, "
        "normals -1.0 %. Raise `tasks.depth.weight` (with `loss_weighting: fixed`), keep `across_tasks: maximum` in "
        "`sparsity.strength`, or allow a larger `sparsity.target`."
    ]


def test_another_strength_is_told_of_the_one_that_looks_at_every_task() -> None:
    sparse, dense = summary("controller", a=task(0.3), b=task(0.4)), {"tasks": {"a": task(0.4), "b": task(0.4)}}
    (sentence,) = task_pays(sparse, dense)
    assert "use `sparsity.strength: priced`, which keeps what any single task needs" in sentence


def test_if_every_task_pays_too_much_was_removed() -> None:
    sparse, dense = summary(a=task(0.3), b=task(0.36)), {"tasks": {"a": task(0.4), "b": task(0.4)}}
    assert task_pays(sparse, dense) == [
        "Beside the dense run, every task lost more than 5%: a -25.0 %, b -10.0 %. Too much was removed: allow a larger "
        "`sparsity.target`, or fine-tune longer with more `optim.steps`."
    ]


@pytest.mark.parametrize("value", [0.39, 0.4, 0.5])
def test_small_losses_and_gains_are_no_news(value: float) -> None:
    assert task_pays(summary(a=task(value)), {"tasks": {"a": task(0.4)}}) == []


def test_all_that_applies_is_said() -> None:
    own = summary(a=task(0.3), b=task(0.4))
    dense = {"tasks": {"a": task(0.4), "b": task(0.4)}}
    assert len(advice(record((1, 4, 1)), own, dense)) == 2
    assert len(advice(record((1, 4, 1)), own, None)) == 1
    assert advice(record((2, 4, 1)), own, None) == []
