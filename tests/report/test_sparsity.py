"""The layers of a run are those of its own record, else of the run that it was made from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from mstasks.errors import MstasksError
from mstasks.report.source import Source
from mstasks.report.sparsity import sparsity
from mstasks.runfolder import RunFolder
from mstasks.sparsity.record import SpaceRecord, SparsityRecord

Read = Callable[[str], Any]
SPACES = (SpaceRecord("stem", 0, 4, 1, "##..", {"edges": [1.0, 0.0, 0.0, 0.0], "depth": [0.0, 1.0, 0.0, 0.0]}),)
RECORD = json.dumps(asdict(SparsityRecord("shared", "channel", None, SPACES, ())))


def made(
    folder: Path, parent: str | None, tasks: str, record: str = "", model: str = "resnet18", **summary: Any
) -> Source:
    folder.mkdir(parents=True)
    (folder / "resolved.yaml").write_text(f"name: rooms\nbackbone: {{model: {model}}}\ntasks: {tasks}\n")
    (folder / "summary.json").write_text(json.dumps({"parent": parent, "tasks": {}, **summary}))
    if record:
        (folder / "sparsity.json").write_text(record)
    return Source.read(RunFolder(folder))


@pytest.fixture
def parent(tmp_path: Path) -> Source:
    return made(tmp_path / "rooms" / "001", None, "{edges: {}, depth: {}}", RECORD)


def text(source: Source, read: Read) -> str:
    shown: str = read("".join(sparsity(source).parts)).text
    return shown


def test_a_trained_run_shows_its_own_record(parent: Source, read: Read) -> None:
    assert "2 of 4 channels are alive" in text(parent, read)
    assert "recorded" not in text(parent, read)


def test_runs_that_were_made_from_it_show_it_and_say_whose_it_is(parent: Source, tmp_path: Path, read: Read) -> None:
    folder = tmp_path / "rooms"
    compact = made(folder / "002", "../001", "{edges: {}, depth: {}}", compact={})
    adapted = made(folder / "003", "../002", "{depth: {}, normals: {}}", adapt={"grow": False})
    for source in (compact, adapted):
        assert "2 of 4 channels are alive" in text(source, read)
        assert "The layers are as rooms/001 recorded them, the run that this one was made from" in text(source, read)


def test_tasks_that_a_run_has_not_any_more_share_no_colour_with_those_that_it_has(
    parent: Source, tmp_path: Path, read: Read
) -> None:
    adapted = made(tmp_path / "rooms" / "002", "../001", "{depth: {}, normals: {}}", adapt={"grow": False})
    assert {path["class"] for path in read("".join(sparsity(adapted).parts)).all("path")} == {"s0", "s2"}


@pytest.mark.parametrize(
    ("above", "model", "summary"),
    [
        ("../001", "resnet18", {"adapt": {"grow": True}}),  # channels came back
        ("../001", "resnet50", {}),  # another network lies there by now
        ("../009", "resnet18", {}),
        (None, "resnet18", {}),
    ],
)
def test_a_record_that_does_not_hold_is_not_shown(
    parent: Source, tmp_path: Path, above: str | None, model: str, summary: dict[str, Any]
) -> None:
    own = made(tmp_path / "rooms" / "002", above, "{depth: {}}", model=model, **summary)
    assert sparsity(own).parts == []


def test_runs_that_name_each_other_come_to_an_end(tmp_path: Path) -> None:
    first = made(tmp_path / "001", "../002", "{}")
    made(tmp_path / "002", "../001", "{}")
    assert [each.run.path.name for each in first.lineage()] == ["001", "002"]


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    source = made(tmp_path / "001", None, "{}", "{}")
    with pytest.raises(MstasksError, match=r"sparsity\.json: damaged, or of another version of mstasks \(KeyError"):
        sparsity(source)
