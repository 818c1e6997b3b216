"""What a person sees while a run trains: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text


class Reporter:
    """Shows steps, losses, images/s and the time left; everything also goes to log.txt.

    Args:
        steps: Steps of the whole run.
        start: Steps already done.
        log: The log file, appended to.
        console: Where to show; live if it is a terminal.
    """

    def __init__(self, steps: int, start: int, log: Path, console: Console) -> None:
        self._steps, self._start, self._console = steps, start, console
        self._log = log.open("a", encoding="utf-8")
        self._began = time.monotonic()
        self._bar = Progress(
            TextColumn("step"), MofNCompleteColumn(), BarColumn(), TimeRemainingColumn(), TextColumn("left")
        )
        self._row = self._bar.add_task("", total=steps, completed=start)
        self._text = Text()
        self._live = Live(Group(self._bar, self._text), console=console, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        self._log.close()

    def step(self, step: int) -> None:
        """Advance the bar."""
        self._bar.update(self._row, completed=step)

    def losses(self, step: int, losses: Mapping[str, float], images_per_second: float, live: str = "") -> None:
        """Show the losses since the last call, and what else is `live`."""
        shown = "  ".join(f"{name} {value:.4g}" for name, value in losses.items())
        text = "  ".join(filter(None, (shown, live, f"{images_per_second:.1f} images/s")))
        self._text.plain = text
        line = f"step {step}/{self._steps}  {text}  {self._remaining(step)} left"
        self._write(line, show=not self._console.is_terminal)

    def say(self, text: str) -> None:
        """A line of its own."""
        self._write(text, show=True)

    def _write(self, line: str, *, show: bool) -> None:
        self._log.write(line + "\n")
        self._log.flush()
        if show:
            self._console.print(line, highlight=False, soft_wrap=True, markup=False)

    def _remaining(self, step: int) -> str:
        done = max(1, step - self._start)
        seconds = (time.monotonic() - self._began) / done * (self._steps - step)
        minutes, seconds = divmod(round(seconds), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}" if minutes >= 60 else f"{minutes}:{seconds:02d}"
