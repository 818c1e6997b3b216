"""`mstasks ls`: complete plain lines or JSON for programs; broken plugins are rows with their reason."""

from __future__ import annotations

import io
import json
from itertools import count
from pathlib import Path

import pytest

from mstasks.cli import main
from mstasks.cli.console import print_table

Capture = pytest.CaptureFixture[str]
SUMMARY = "A long summary that no table may cut, " * 4 + "up to its end."
GOOD = f"""
from mstasks import DatasetSpec, TaskSpec, hookimpl

@hookimpl
def register_tasks():
    return [TaskSpec("curvature", {SUMMARY!r}, "m:a", "m:b")]

@hookimpl
def register_datasets():
    return [DatasetSpec("bends", "Bent things.", "m:a", targets="m:targets")]
"""

_numbers = count()


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSTASKS_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / f"listed_good_{next(_numbers)}.py"
    path.write_text(GOOD)
    return str(path)


@pytest.fixture
def broken(tmp_path: Path) -> str:
    path = tmp_path / f"listed_broken_{next(_numbers)}.py"
    path.write_text("import no_such_library")
    return str(path)


def test_a_plain_table_is_complete_and_one_line_a_row(good: str, capsys: Capture) -> None:
    assert main(["ls", "tasks", "--plugin", good]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "SUMMARY", "PLUGIN"]
    assert row == f"curvature  {SUMMARY}  file {good}"


def test_tasks_as_json_hold_the_whole_spec(good: str, capsys: Capture) -> None:
    assert main(["ls", "tasks", "--json", "--plugin", good]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"name": "curvature", "summary": SUMMARY, "factory": "m:a", "options": "m:b", "plugin": f"file {good}"}
    ]


def test_data_sets_as_json(good: str, capsys: Capture) -> None:
    assert main(["ls", "datasets", "--json", "--plugin", good]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["targets"]) == ("bends", "m:targets")


def test_a_broken_plugin_is_a_row_with_its_reason(good: str, broken: str, capsys: Capture) -> None:
    assert main(["ls", "plugins", "--plugin", broken, "--plugin", good]) == 0
    _, builtin, bad, fine = capsys.readouterr().out.splitlines()
    assert builtin.startswith("builtin")
    assert bad.endswith(f"ModuleNotFoundError: No module named 'no_such_library' ({broken}:1)")
    assert fine.endswith("data set bends, task curvature")


def test_plugins_as_json(broken: str, capsys: Capture) -> None:
    assert main(["ls", "plugins", "--json", "--plugin", broken]) == 0
    row = json.loads(capsys.readouterr().out)[-1]
    assert set(row) == {"name", "origin", "distribution", "version", "provides", "error"}
    assert row["provides"] == []
    assert row["error"].startswith("ModuleNotFoundError")


def test_a_broken_plugin_breaks_no_other_list_and_is_mentioned(good: str, broken: str, capsys: Capture) -> None:
    assert main(["ls", "tasks", "--json", "--plugin", broken, "--plugin", good]) == 0
    output = capsys.readouterr()
    assert [row["name"] for row in json.loads(output.out)] == ["curvature"]
    assert output.err == f"Some plugins are broken: {Path(broken).stem}. `mstasks ls plugins` says why.\n"


def test_an_empty_list_says_so(capsys: Capture) -> None:
    assert main(["ls", "tasks"]) == 0
    assert capsys.readouterr().out == "no tasks\n"
    assert main(["ls", "tasks", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_recipes_are_listed_with_their_files(capsys: Capture) -> None:
    assert main(["ls", "recipes", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows
    for row in rows:
        assert row["summary"]
        assert Path(row["path"]).is_file()


def test_a_missing_plugin_is_one_sentence(capsys: Capture) -> None:
    assert main(["ls", "tasks", "--plugin", "./no_such_file.py"]) == 2
    assert capsys.readouterr().err.startswith("plugin './no_such_file.py': no such file in ")


def test_a_terminal_gets_a_drawn_table_with_every_word(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("COLUMNS", "40")
    print_table(["NAME", "SUMMARY"], [["[red]", "words " * 20]], title="Things")
    drawn = screen.getvalue()
    assert "─" in drawn or "━" in drawn
    assert "[red]" in drawn  # text, not markup
    assert drawn.count("words") == 20


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("strengths", "priced"),
        ("updates", "look-ahead"),
        ("adaptations", "head-first"),
        ("weightings", "uncertainty"),
        ("exporters", "torch"),
    ],
)
def test_what_the_core_offers_is_listed_by_kind(what: str, name: str, capsys: Capture) -> None:
    assert main(["ls", what, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["plugin"] for row in rows if row["name"] == name] == ["mstasks"]
