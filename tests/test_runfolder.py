from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from mstasks.errors import UsageError
from mstasks.runfolder import RunFolder, finite, write_json


def test_runs_are_numbered_and_never_reused(tmp_path: Path) -> None:
    paths = [RunFolder.create(tmp_path, "r").path for _ in range(3)]
    assert [path.name for path in paths] == ["001", "002", "003"]
    paths[1].rmdir()
    assert RunFolder.create(tmp_path, "r").path.name == "004"


def test_rows_skip_a_line_cut_short(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.log({"step": 1, "loss": math.nan})
    run.log({"step": 2})
    with run.metrics.open("a") as file:
        file.write('{"step": 3, "lo')
    assert list(run.rows()) == [{"step": 1, "loss": None}, {"step": 2}]


def test_opening_what_is_not_a_run_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not a run folder: it has no resolved.yaml"):
        RunFolder.open(tmp_path)
    with pytest.raises(UsageError, match=r"nowhere: not a run folder: it does not exist"):
        RunFolder.open(tmp_path / "nowhere")


def test_an_incomplete_run_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not complete. Go on with `mstasks fit --resume"):
        RunFolder(tmp_path).read_summary()


def test_json_has_no_nan() -> None:
    cleaned = finite({"a": [math.nan, 1.0, (math.inf,)], "b": {"c": -math.inf}})
    assert cleaned == {"a": [None, 1.0, [None]], "b": {"c": None}}


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": math.nan})
    assert json.loads(path.read_text()) == {"a": 1}


def test_an_unfinished_run_is_told_how_to_be_finished(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with pytest.raises(UsageError, match=r"not complete\. Go on with `mstasks fit --resume "):
        run.read_summary()
    run.structure.write_text("{}")  # `mstasks compact` was killed: there is nothing to resume
    with pytest.raises(UsageError, match=r"not complete\. Make it again from the run that it was made from\.$"):
        run.read_summary()
