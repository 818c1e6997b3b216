from __future__ import annotations

import json
from pathlib import Path

import pytest

from mstasks.errors import MstasksError
from mstasks.report.source import Source
from mstasks.runfolder import RunFolder


def made(folder: Path, recipe: str = "name: rooms\ntasks: {b: {}, a: {}}\n", **summary: object) -> RunFolder:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "resolved.yaml").write_text(recipe)
    if summary:
        (folder / "summary.json").write_text(json.dumps(summary))
    return RunFolder(folder)


def test_tasks_keep_the_order_of_the_recipe(tmp_path: Path) -> None:
    assert Source.read(made(tmp_path, tasks={"a": {}, "c": {}})).tasks == {"b": 0, "a": 1, "c": 2}


def test_a_run_that_is_not_complete_has_an_empty_summary(tmp_path: Path) -> None:
    source = Source.read(made(tmp_path))
    assert source.summary == {}
    assert source.parent is None


def test_the_parent_lies_where_the_summary_says_seen_from_the_run(tmp_path: Path) -> None:
    assert Source.read(made(tmp_path / "002", parent="../001")).parent == tmp_path / "001"


@pytest.mark.parametrize("name", ["resolved.yaml", "summary.json", "environment.json"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    run = made(tmp_path, parent=None)
    (tmp_path / name).write_text("{")
    with pytest.raises(MstasksError, match=rf"{name}: unreadable: "):
        Source.read(run)


def test_a_recipe_that_is_no_mapping_is_named(tmp_path: Path) -> None:
    with pytest.raises(MstasksError, match=r"resolved\.yaml: it holds no mapping"):
        Source.read(made(tmp_path, "[1, 2]"))
