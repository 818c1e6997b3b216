from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from mstasks.train import progress
from mstasks.train.progress import Reporter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_it_prints_the_plain_lines_that_it_logs(tmp_path: Path, clock: list[float]) -> None:
    shown = StringIO()
    with Reporter(100, 10, tmp_path / "log.txt", Console(file=shown, width=40)) as reporter:
        clock[0] += 8.0
        reporter.step(20)
        reporter.losses(20, {"depth": 0.123456, "a [bold] name": 2.0}, 12.34)
        reporter.say("a line that is much longer than the forty columns of this console")
    expected = [
        "step 20/100  depth 0.1235  a [bold] name 2  12.3 images/s  1:04 left",  # 10 steps took 8 s, 80 remain
        "a line that is much longer than the forty columns of this console",
    ]
    assert shown.getvalue().splitlines() == expected
    assert (tmp_path / "log.txt").read_text().splitlines() == expected


def test_hours_are_told_as_hours(tmp_path: Path, clock: list[float]) -> None:
    shown = StringIO()
    with Reporter(1001, 0, tmp_path / "log.txt", Console(file=shown)) as reporter:
        clock[0] += 10.0
        reporter.losses(1, {}, 1.0)
    assert shown.getvalue().rstrip().endswith("2:46:40 left")


def test_a_terminal_sees_a_bar_and_the_log_the_lines(tmp_path: Path) -> None:
    shown = StringIO()
    with Reporter(4, 0, tmp_path / "log.txt", Console(file=shown, force_terminal=True, width=80)) as reporter:
        reporter.losses(2, {"depth": 0.5}, 1.0)
        reporter.step(2)
    assert "━" in shown.getvalue()
    assert "step 2/4  depth 0.5" in (tmp_path / "log.txt").read_text()


def test_a_resumed_run_appends_to_its_log(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with Reporter(4, 0, tmp_path / "log.txt", Console(file=StringIO())) as reporter:
            reporter.say(text)
    assert (tmp_path / "log.txt").read_text().split() == ["first", "second"]
