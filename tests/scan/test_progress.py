"""Progress is a plain line now and then where there is no terminal, and complete at the end."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from mstasks.scan import progress
from mstasks.scan.progress import ScanProgress


def shown(terminal: bool = False) -> str:
    out = StringIO()
    with ScanProgress(3, Console(file=out, force_terminal=terminal, width=80)) as bar:
        bar.step(1, 0)
        bar.step(2, 1)
        bar.step(3, 1)
    return out.getvalue()


def test_the_last_line_comes_at_once() -> None:
    assert shown() == "images 3/3  1 faults\n"


def test_lines_come_as_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_EVERY", 0.0)
    assert shown().splitlines() == ["images 1/3", "images 2/3  1 faults", "images 3/3  1 faults"]


def test_a_terminal_shows_a_bar() -> None:
    assert "3/3" in shown(terminal=True)
