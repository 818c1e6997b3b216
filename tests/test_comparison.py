"""Runs side by side, from files written by hand: scores, costs, delta_m, names, and what makes runs hard to compare."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from mstasks.comparison import compare_runs, short_names, tasks_delta_m
from mstasks.errors import MstasksError, UsageError

SPARSITY = {
    "scope": "shared", "macs_dense": 400, "macs_compact": 100, "network_macs_compact": 160,
    "network_parameters_compact": 16,
}  # fmt: skip
NETWORK = {
    "backbone": {"parameters": 30, "macs": 300},
    "trunk": {"parameters": 10, "macs": 100},
    "heads.depth": {"parameters": 5, "macs": 60},
}
DATA = {"dataset": "rooms", "size": [96, 96], "batch_size": 8, "workers": 0, "train": 100}


def task(primary: str, higher: bool, **scores: float | None) -> dict[str, Any]:
    return {"primary": primary, "higher_is_better": higher, "gap_closed": 0.5, "test": scores, "constant": {}}


def write_run(
    path: Path,
    tasks: Mapping[str, Any],
    *,
    data: Mapping[str, Any] | None = None,
    images: tuple[str, ...] = ("a", "b"),
    entries: Mapping[str, Any] | None = None,
    **summary: Any,
) -> Path:
    """A complete run with the files that a comparison reads."""
    path.mkdir(parents=True)
    recipe = {"name": "r", "data": {**DATA, **(data or {})}, "tasks": entries or {name: {} for name in tasks}}
    (path / "resolved.yaml").write_text(yaml.safe_dump(recipe))
    (path / "splits.json").write_text(json.dumps({"val": ["v"], "test": list(images)}))
    whole = {"method": "multi-task", "steps": 10, "seconds": 1.5, "parent": None, "tasks": tasks, "network": NETWORK}
    (path / "summary.json").write_text(json.dumps({**whole, **summary}))
    return path


def depth(rmse: float | None) -> dict[str, Any]:
    return {"depth": task("rmse", False, rmse=rmse)}


def both(miou: float, rmse: float) -> dict[str, Any]:
    return {"segmentation": task("miou", True, miou=miou), **depth(rmse)}


def test_the_first_run_is_the_baseline(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / "001", both(0.4, 0.6)), write_run(tmp_path / "002", both(0.5, 0.9))]
    found = compare_runs(paths)
    assert found.baseline is found.runs[0]
    assert [run.delta_m.percent for run in found.runs] == pytest.approx([0.0, (25 - 50) / 2])
    assert [run.name for run in found.runs] == ["001", "002"]


def test_a_baseline_among_the_runs_stays_where_it_is_and_another_comes_first(tmp_path: Path) -> None:
    first, second, third = (write_run(tmp_path / f"00{n}", depth(n / 2)) for n in (1, 2, 3))
    among = compare_runs([first, second], baseline=second)
    assert [run.name for run in among.runs] == ["001", "002"]
    assert [run.delta_m.percent for run in among.runs] == pytest.approx([50.0, 0.0])
    outside = compare_runs([first, second], baseline=third)
    assert [run.name for run in outside.runs] == ["003", "001", "002"]
    assert outside.baseline.name == "003"


def test_a_run_that_is_named_twice_is_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_run(tmp_path / "001", depth(0.5))
    monkeypatch.chdir(tmp_path)
    Path("link").symlink_to("001")
    assert [run.run.path for run in compare_runs([path, Path("001"), Path("link")]).runs] == [path]


def test_costs_of_a_dense_network_are_those_of_its_parts(tmp_path: Path) -> None:
    cost = compare_runs([write_run(tmp_path / "001", depth(0.5))]).runs[0].cost
    assert (cost.macs, cost.parameters, cost.scope, cost.left) == (460, 45, None, 1.0)


def test_costs_of_a_sparse_network_are_those_without_dead_channels(tmp_path: Path) -> None:
    cost = compare_runs([write_run(tmp_path / "001", depth(0.5), sparsity=SPARSITY)]).runs[0].cost
    assert (cost.macs, cost.parameters, cost.scope, cost.left) == (160, 16, "shared", 0.25)


def test_what_a_compact_network_was_cut_from_is_known_from_its_sparsity_alone(tmp_path: Path) -> None:
    sparse = write_run(tmp_path / "001", depth(0.5), sparsity=SPARSITY, compact={})
    unknown = write_run(tmp_path / "002", depth(0.5), compact={})
    for path in (sparse, unknown):
        (path / "structure.json").write_text("{}")
    assert [run.cost.left for run in compare_runs([sparse, unknown]).runs] == [0.25, None]


def test_a_single_task_parent_merges_its_children(tmp_path: Path) -> None:
    parent = write_run(tmp_path / "001", both(0.4, 0.6), method="single-task", network=None)
    (parent / "splits.json").unlink()
    for name, entry in both(0.4, 0.6).items():
        write_run(parent / "tasks" / name, {name: entry})
    multi = write_run(tmp_path / "002", both(0.4, 0.6))
    merged, other = compare_runs([parent, multi]).runs
    assert (merged.cost.macs, merged.cost.parameters, merged.cost.left) == (2 * 460, 2 * 45, 1.0)
    assert list(other.delta_m.changes) == ["segmentation", "depth"]
    assert other.differs == ()  # the images are those of the children


def test_costs_that_nobody_wrote_down_are_not_made_up(tmp_path: Path) -> None:
    cost = compare_runs([write_run(tmp_path / "001", depth(0.5), network=None)]).runs[0].cost
    assert (cost.macs, cost.parameters, cost.left) == (None, None, None)


def test_delta_m_is_of_what_is_primary_in_the_baseline() -> None:
    own = {"depth": task("abs", False, abs=9.0, rmse=0.4)}
    assert tasks_delta_m(own, depth(0.8)).percent == pytest.approx(50.0)
    assert tasks_delta_m(depth(0.4), own).left_out == {"depth": "missing here"}


def test_missing_scores_and_tasks_are_said(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / "001", both(0.4, 0.6)), write_run(tmp_path / "002", depth(None))]
    found = compare_runs(paths).runs[1].delta_m
    assert (found.percent, found.left_out) == (None, dict.fromkeys(["segmentation", "depth"], "missing here"))


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/rooms/001", "runs/rooms/002"], ["001", "002"]),
        (["runs/rooms/001", "runs/faces/002"], ["rooms/001", "faces/002"]),
        (["a/rooms/001", "b/rooms/001"], ["a/rooms/001", "b/rooms/001"]),
        (["rooms/001", "rooms/001/tasks/depth"], ["rooms/001", "tasks/depth"]),
        (["rooms/001"], ["001"]),
    ],
)
def test_names_are_the_shortest_that_tell_runs_apart(paths: list[str], names: list[str]) -> None:
    assert short_names([Path(path) for path in paths]) == names


def differs(tmp_path: Path, first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, ...]:
    """What is said about the second of two runs."""
    paths = [
        write_run(tmp_path / name, **{"tasks": depth(0.5), **own}) for name, own in (("001", first), ("002", second))
    ]
    return compare_runs(paths).runs[1].differs


def test_runs_that_were_only_trained_in_other_ways_differ_in_nothing(tmp_path: Path) -> None:
    feeding = {"batch_size": 64, "workers": 4, "augment": [{"HorizontalFlip": {}}], "cache": "off", "cache_gib": 1.0}
    entries = {"depth": {"task": "depth", "target": "depth", "loss": "berhu"}}
    assert differs(tmp_path, {}, {"data": feeding, "entries": entries, "method": "sparse", "steps": 99}) == ()


@pytest.mark.parametrize(
    ("second", "clause"),
    [
        ({"data": {"size": [64, 64]}}, "data.size is [64, 64], not [96, 96]"),
        ({"data": {"train": 50}}, "data.train is 50, not 100"),
        ({"data": {"exclude": "bad.txt"}}, 'data.exclude is "bad.txt", not null'),
        ({"data": {"dataset": "streets", "classes": 13, "train": 7}}, 'data.dataset is "streets", not "rooms"'),
        ({"images": ("a",)}, "it has 1 test images, not 2"),
        ({"images": ("a", "c")}, "1 of its 2 test images are others"),
        ({"entries": {"depth": {"target": "disparity"}}}, "depth reads the target disparity, not depth"),
        ({"entries": {"depth": {"task": "distance"}}}, "depth is the task distance, not depth"),
        (
            {"tasks": {"depth": task("rmse", False, rmse=0.5, **{f"x/{n}": 0.1 for n in "abcde"})}},
            "depth has other metrics: only one of them has x/a, x/b, x/c and 2 more",
        ),
    ],
)
def test_what_makes_runs_hard_to_compare_is_said(tmp_path: Path, second: Mapping[str, Any], clause: str) -> None:
    assert differs(tmp_path, {}, second) == (clause,)


def test_images_that_one_run_does_not_name_are_said(tmp_path: Path) -> None:
    first, second = (write_run(tmp_path / name, depth(0.5)) for name in ("001", "002"))
    (second / "splits.json").unlink()
    assert compare_runs([first, second]).runs[1].differs == ("one of them does not say which test images it has",)


def test_what_is_no_complete_run_is_refused(tmp_path: Path) -> None:
    good, bad = (write_run(tmp_path / name, depth(0.5)) for name in ("001", "002"))
    with pytest.raises(UsageError, match="nowhere: not a run folder: it does not exist"):
        compare_runs([good, Path("nowhere")])
    with pytest.raises(UsageError, match="nowhere: not a run folder: it does not exist"):
        compare_runs([good], baseline=Path("nowhere"))
    (bad / "summary.json").unlink()
    with pytest.raises(UsageError, match=r"002: the run is not complete. Go on with `mstasks fit --resume"):
        compare_runs([good, bad])


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("summary.json", "{", "summary.json: damaged: Expecting property name"),
        ("summary.json", "{}", "summary.json: damaged: it has no `tasks`"),
        ("splits.json", "[]", "splits.json: damaged: 'list' object has no attribute"),
        ("resolved.yaml", "a: [", "resolved.yaml:1:.*: not valid YAML"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, file: str, text: str, message: str) -> None:
    path = write_run(tmp_path / "001", depth(0.5))
    (path / file).write_text(text)
    with pytest.raises(MstasksError, match=message):
        compare_runs([path])


def test_summaries_are_compared_without_torch() -> None:
    code = "import sys, mstasks.comparison; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
