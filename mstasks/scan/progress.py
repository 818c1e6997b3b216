"""What a person sees while files are read: a live bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_EVERY = 10.0
"""Seconds between plain lines."""


class ScanProgress:
    """Shows how many images have been read and how many faults were found.

    Args:
        total: How many images there are.
        console: Where to show; live if it is a terminal.
    """

    def __init__(self, total: int, console: Console) -> None:
        self._total, self._console = total, console
        self._bar = Progress(
            TextColumn("images"),
            MofNCompleteColumn(),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("left  {task.fields[faults]}"),
            console=console,
            transient=True,
        )
        self._row = self._bar.add_task("", total=total, faults="")
        self._next = time.monotonic() + _EVERY

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:  # else it would print an empty line
            self._bar.stop()

    def step(self, done: int, faults: int) -> None:
        """Tell how far the scan is."""
        text = f"{faults} faults" if faults else ""
        self._bar.update(self._row, completed=done, faults=text)
        now = time.monotonic()
        if not self._console.is_terminal and (now >= self._next or done == self._total):
            self._next = now + _EVERY
            line = "  ".join(filter(None, (f"images {done}/{self._total}", text)))
            self._console.print(line, highlight=False, soft_wrap=True, markup=False)
