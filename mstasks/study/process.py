"""The process of one job: started apart from this one's group, watched, stopped, and asked why it failed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mstasks.errors import Interrupted
from mstasks.recipe.wording import shorten

_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Process:
    """A process that runs.

    Attributes:
        child: The process.
        output: Where what it prints goes.
        began: `time.monotonic` when it was started.
    """

    child: subprocess.Popen[bytes]
    output: Path
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, command: Sequence[str], output: Path, environment: Mapping[str, str], lock: int) -> Process:
        """Start a command.

        It gets a process group of its own: Ctrl-C in a terminal reaches a whole group, and a run that gets the signal
        twice stops without saving.

        Args:
            command: Program and arguments.
            output: Both its outputs are appended to this file.
            environment: Its environment.
            lock: A file descriptor that it inherits.
        """
        with output.open("ab") as file:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                pass_fds=(lock,),
                process_group=0,
            )
        return cls(child, output)

    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self.child.poll()

    def stop(self) -> None:
        """Ask it to save and end; loader processes end with it."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it and everything that it started, at once."""
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()

    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self.began

    def reason(self) -> str:
        """Why it ended as it did: the signal that killed it, or the last line that it printed."""
        code = self.child.returncode
        if code < 0:
            why = " (often for want of memory)" if code == -signal.SIGKILL else ""
            return f"killed by {signal.Signals(-code).name}{why}"
        last = last_line(self.output)
        return shorten(last, _LONGEST_REASON) if last else f"exit code {code} without a word"

    @property
    def interrupted(self) -> bool:
        """Whether it ended so that it can be resumed."""
        return self.child.returncode == Interrupted.exit_code


def last_line(file: Path) -> str:
    """The last line of a text that is not empty, empty if there is none."""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
