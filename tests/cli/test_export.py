"""`mstasks export` at the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mstasks.cli import main
from mstasks.export import Exported
from mstasks.runfolder import RunFolder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Any, ...]]:
    """What the verb asked for; a file of 2.5 MB is there afterwards."""
    calls: list[tuple[Any, ...]] = []
    (tmp_path / "resolved.yaml").write_text("")

    def export(run: RunFolder, name: str, out: Path | None, *, force: bool) -> Exported:
        calls.append((run.path, name, out, force))
        file = tmp_path / "tiny.pt2"
        file.write_bytes(bytes(2_500_000))
        return Exported(file, {"depth": 2.5e-7, "edges": 0.0})

    monkeypatch.setattr("mstasks.export.export_run", export)
    return calls


def test_differences_and_the_file_are_shown(
    asked: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(tmp_path), "--format", "torch"]) == 0
    assert capsys.readouterr().out == (
        "output  difference\n"
        "depth      2.5e-07\n"
        "edges      0.0e+00\n"
        f"{tmp_path / 'tiny.pt2'}: 2.5 MB, predicts what the network does.\n"
    )
    assert asked == [(tmp_path, "torch", None, False)]


def test_json_holds_the_same(asked: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", str(tmp_path), "--format", "onnx", "--out", "x.onnx", "--force", "--json"]
    assert main(arguments) == 0
    shown = json.loads(capsys.readouterr().out)
    expected = {"depth": 2.5e-7, "edges": 0.0}
    assert shown == {"file": str(tmp_path / "tiny.pt2"), "bytes": 2_500_000, "differences": expected}
    assert asked == [(tmp_path, "onnx", Path("x.onnx"), True)]


def test_a_folder_that_is_no_run_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path / "gone"), "--format", "torch"]) == 2
    assert "gone: not a run folder: it does not exist" in capsys.readouterr().err


def test_the_format_must_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(tmp_path)]) == 2
    assert "--format" in capsys.readouterr().err
