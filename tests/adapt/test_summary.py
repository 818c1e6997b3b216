"""summary.json of an adapted run: what programs read, each number from where it comes."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from typing import Any

import pytest

from mstasks.adapt.job import Draw, Job, adapting
from mstasks.adapt.recipe import plan
from mstasks.macs import network_cost
from mstasks.runfolder import RunFolder
from mstasks.trained import open_trained

Runs = Callable[[str], RunFolder]


@pytest.fixture(scope="module")
def done(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, list[Draw], dict[str, Any]]:
    """Depth, learned from the masked run, in three draws."""
    parent = runs("masked")
    overrides = ["adapt.draws=3", "adapt.shots=2", "adapt.seen=support", "adapt.strategy={name: fast, steps: 3}"]
    with adapting(parent, plan(parent, "depth", overrides), tmp_path_factory.mktemp("summary")) as job:
        draws = list(job.draws())
        return job, draws, job.conclude()


Made = tuple[Job, list[Draw], dict[str, Any]]


def test_it_is_what_the_file_holds(done: Made) -> None:
    job, _, summary = done
    assert json.loads(job.made.summary.read_text()) == summary


def test_it_has_the_keys_of_any_run(done: Made, runs: Runs) -> None:
    _, _, summary = done
    parent = runs("masked").read_summary()
    assert set(parent) - set(summary) <= {"best", "advice"}
    assert set(summary) - set(parent) == {"adapt"}
    assert set(summary["sparsity"]) == set(parent["sparsity"])
    for task, entry in summary["tasks"].items():
        assert set(entry) == set(parent["tasks"].get(task, entry))
    assert summary["tasks"]["depth"]["constant"]["rmse"] > 0


def test_what_was_done_is_in_it(done: Made, runs: Runs) -> None:
    job, draws, summary = done
    assert (job.made.path / summary["parent"]).resolve() == runs("masked").path.resolve()
    assert (summary["steps"], summary["images"], summary["seed"], summary["method"]) == (3, 2, 0, "sparse")
    adapt = summary["adapt"]
    expected = {
        "task": "depth", "shots": 2, "steps": 3, "seen_mode": "support", "grow": False, "hold_out": 0.0,
        "primary": "rmse", "higher_is_better": False, "released": [],
    }  # fmt: skip
    assert {key: adapt[key] for key in expected} == expected
    assert adapt["strategy"]["name"] == "fast"
    assert adapt["strategy"]["options"]["steps"] == 3
    assert adapt["seconds"] == pytest.approx(sum(draw.seconds for draw in draws), abs=0.06)


def test_mean_and_deviation_are_of_the_primary_metric_over_the_draws(done: Made) -> None:
    adapt = done[2]["adapt"]
    assert list(adapt["columns"]) == ["adapted", "ridge", "trivial"]
    for column, spread in adapt["columns"].items():
        values = [draw["scores"][column]["rmse"] for draw in adapt["draws"]]
        assert len(values) == 3
        assert spread == pytest.approx({"mean": statistics.fmean(values), "sd": statistics.stdev(values)})


def test_every_draw_is_in_it(done: Made) -> None:
    _, draws, summary = done
    rows = summary["adapt"]["draws"]
    assert [row["draw"] for row in rows] == [0, 1, 2]
    assert [tuple(row["support"]) for row in rows] == [draw.support for draw in draws]
    assert len({frozenset(row["support"]) for row in rows}) == 3
    assert all(set(row["scores"]["adapted"]) == set(summary["tasks"]["depth"]["test"]) for row in rows)


def test_costs_are_those_of_the_network_that_is_opened(done: Made) -> None:
    job, _, summary = done
    costs = network_cost(open_trained(job.made)[1], (32, 48))
    assert summary["network"] == {
        part: {"parameters": cost.parameters, "macs": cost.macs} for part, cost in costs.items()
    }
    assert summary["sparsity"]["network_macs_dense"] == sum(cost.macs for cost in costs.values())


def test_parts_say_what_was_frozen_trained_and_zero(done: Made) -> None:
    rows = {row["name"]: row for row in done[2]["adapt"]["parts"]}
    assert rows["backbone"]["rates"] == [None]
    assert rows["heads.segmentation"]["rates"] == rows["trunk"]["rates"] == [3e-3]
    assert rows["heads.depth"]["new"]
    assert rows["backbone"]["zero"] > 0 == rows["heads.depth"]["zero"]
