"""How a job stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Status(StrEnum):
    """States of a job."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    ELSEWHERE = "running elsewhere"
    BLOCKED = "not possible"
    OPEN = "not run yet"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job stands.

    Attributes:
        status: Its state.
        reason: Why it failed, was not possible, or differs; else empty.
        run: Its run folder, None if there is none.
    """

    status: Status
    reason: str = ""
    run: Path | None = None

    @property
    def done(self) -> bool:
        """Whether there are results."""
        return self.status is Status.DONE
