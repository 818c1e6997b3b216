"""`mstasks report` writes a page into the run or where it is told to, and says what is not in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from mstasks.cli import main
from mstasks.fit import fit, start_run
from mstasks.recipe import load_recipe

RECIPE = """
name: tiny
data: {dataset: scenes, size: [48, 48], train: 4, val: 2, test: 2, batch_size: 2}
backbone: {model: mobilenetv3_small_050}
decoder: {width: 16}
tasks: {depth: {}}
optim: {steps: 1}
run: {pictures: 1}
"""
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    (folder / "tiny.yaml").write_text(RECIPE)
    loaded = load_recipe(folder / "tiny.yaml")
    fit(loaded, start_run(loaded, folder / "runs"), Console(quiet=True))
    return folder


@pytest.fixture(autouse=True)
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_the_page_lies_in_the_run(capsys: Capture) -> None:
    assert main(["report", "runs/tiny/001"]) == 0
    page = Path("runs/tiny/001/report.html")
    captured = capsys.readouterr()
    assert captured.out == f"report: {page} ({page.stat().st_size / 1e6:.2f} MB)\n"
    assert captured.err == ""


def test_the_page_may_lie_elsewhere_and_replaces_what_is_there(capsys: Capture) -> None:
    Path("page.html").write_text("old")
    assert main(["report", "runs/tiny/001", "--out", "page.html", "--images", "2"]) == 0
    assert Path("page.html").read_text().count('alt="test image') == 2
    assert capsys.readouterr().out.startswith("report: page.html (")


def test_chosen_images_are_shown(folder: Path) -> None:
    assert main(["report", "runs/tiny/001", "--out", "one.html", "--image", "test/000001"]) == 0
    page = Path("one.html").read_text()
    assert 'alt="test image test/000001"' in page
    assert 'alt="test image test/000000"' not in page


def test_an_unknown_image_is_a_usage_error(capsys: Capture) -> None:
    assert main(["report", "runs/tiny/001", "--image", "moon"]) == 2
    assert "--image moon: none of the 2 test images has that id" in capsys.readouterr().err


def test_a_number_and_ids_exclude_each_other(capsys: Capture) -> None:
    assert main(["report", "runs/tiny/001", "--image", "moon", "--images", "2"]) == 2
    assert "--images and --image exclude each other: give a number or ids." in capsys.readouterr().err


def test_what_is_missing_is_said(capsys: Capture, folder: Path) -> None:
    Path("other/tiny/001").mkdir(parents=True)
    Path("other/tiny/001/resolved.yaml").write_text(Path("runs/tiny/001/resolved.yaml").read_text())
    assert main(["report", "other/tiny/001"]) == 0
    assert capsys.readouterr().err.startswith("note: No pictures and no costs by part: ")


def test_a_folder_that_is_no_run_is_a_usage_error(capsys: Capture) -> None:
    assert main(["report", "runs"]) == 2
    assert "runs: not a run folder" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_named(capsys: Capture) -> None:
    assert main(["report", "runs/tiny/001", "--out", "nowhere/page.html"]) == 1
    assert "nowhere" in capsys.readouterr().err
