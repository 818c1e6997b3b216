"""Folders of scans are numbered on their own and take nothing from the runs."""

from __future__ import annotations

from pathlib import Path

from mstasks.runfolder import RunFolder
from mstasks.scan.folder import new_folder


def test_each_scan_gets_a_new_number(tmp_path: Path) -> None:
    assert [new_folder(tmp_path / "runs", "it").name for _ in range(2)] == ["data-001", "data-002"]
    (tmp_path / "runs" / "it" / "data-007").mkdir()
    assert new_folder(tmp_path / "runs", "it") == tmp_path / "runs" / "it" / "data-008"


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "data-001").write_text("mine")
    assert new_folder(tmp_path, "it").name == "data-002"


def test_runs_and_scans_do_not_take_each_other_s_numbers(tmp_path: Path) -> None:
    RunFolder.create(tmp_path, "it")
    assert new_folder(tmp_path, "it").name == "data-001"
    assert RunFolder.create(tmp_path, "it").path.name == "002"
