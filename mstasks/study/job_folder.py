"""The folder of one job: what was asked, what was printed, and the run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from mstasks.runfolder import RunFolder, write_json
from mstasks.study.job import Job
from mstasks.study.outcome import Outcome, Status


@dataclass(frozen=True, slots=True)
class JobFolder:
    """Paths of one job.

    Attributes:
        job: The job.
        path: Its folder, which need not be there yet.
    """

    job: Job
    path: Path

    @classmethod
    def of(cls, job: Job, root: Path) -> JobFolder:
        """The folder of a job below that of the study."""
        return cls(job, root / job.folder)

    @property
    def output(self) -> Path:
        """What its process printed, all attempts one after another."""
        return self.path / "output.txt"

    @property
    def notes(self) -> Path:
        """What was asked, and why it failed."""
        return self.path / "job.json"

    def asked(self) -> dict[str, Any] | None:
        """What was asked when it was started; None if it never was."""
        return self._notes().get("asked")

    def write(self, asked: Mapping[str, Any], reason: str = "") -> None:
        """Write down what is asked, and why it failed if it did."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.notes, {"asked": asked, "reason": reason})

    def run(self) -> RunFolder | None:
        """The job's run, complete or not; runs that were made from it and lie beside it are others."""
        runs = [RunFolder(file.parent) for file in sorted(self.path.glob("*/[0-9][0-9][0-9]*/resolved.yaml"))]
        complete = [run for run in runs if (summary := _summary(run)) is not None and self._is_own(summary)]
        if complete:
            return complete[-1]
        # An adaptation starts again from its parent, so that only training has an incomplete run to go on from.
        begun = [run for run in runs if not run.summary.is_file() and not run.structure.is_file()]
        return begun[-1] if begun and self.job.shots is None else None

    def outcome(self) -> Outcome:
        """How the job stands, by what is on disk."""
        run, reason = self.run(), str(self._notes().get("reason") or "")
        path = None if run is None else run.path
        if run is not None and run.summary.is_file():
            return Outcome(Status.DONE, run=path)
        damaged = [
            file for file in sorted(self.path.glob("*/[0-9]*/summary.json")) if _summary(RunFolder(file.parent)) is None
        ]
        if damaged and not reason:
            reason = f"{damaged[-1]} is damaged; it is left there and the run made again"
        if reason:
            return Outcome(Status.FAILED, reason, path)
        return Outcome(Status.OPEN if run is None else Status.INTERRUPTED, run=path)

    def set_aside(self) -> Path:
        """Rename the folder, so that the job starts anew and nothing is lost.

        Returns:
            Where it is now.
        """
        for number in count(1):
            other = self.path.with_name(f"{self.path.name}.{number}")
            if not other.exists():
                break
        return self.path.rename(other)

    def _is_own(self, summary: Mapping[str, Any]) -> bool:
        return summary.get("parent") is None if self.job.shots is None else "adapt" in summary

    def _notes(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.notes.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}


def _summary(run: RunFolder) -> dict[str, Any] | None:
    """The summary of a complete run; None if it has none, or one that cannot be read."""
    try:
        return run.read_summary() if run.summary.is_file() else None
    except ValueError:
        return None
