"""Tuning: which of the values that were tried is used, by the score on the validation split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mstasks.runfolder import RunFolder
from mstasks.study.job import Job
from mstasks.study.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Trial:
    """One of the values that were tried.

    Attributes:
        job: With which overrides.
        score: The selection score of its best checkpoint: the share of the gap to the constant predictor that is
            closed on the validation split, mean over tasks; None if it failed.
    """

    job: Job
    score: float | None


def read_trials(jobs: list[Job], outcomes: Mapping[Job, Outcome]) -> list[Trial]:
    """The trials of an arm with their scores, in order."""
    return [Trial(job, _score(outcomes[job])) for job in jobs]


def winner(trials: list[Trial]) -> Trial | None:
    """The trial of the highest score, the first of equals; None if none has one."""
    scored = [(trial.score, trial) for trial in trials if trial.score is not None]
    return max(scored, key=lambda pair: pair[0])[1] if scored else None


def _score(outcome: Outcome) -> float | None:
    if not outcome.done or outcome.run is None:
        return None
    run = RunFolder(outcome.run)
    # A single-task run chose a checkpoint per network; each task counts alike, as within one network.
    scores = [_selected(part.read_summary()) for part in (run.children().values() or [run])]
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known and len(known) == len(scores) else None


def _selected(summary: Mapping[str, Any]) -> float | None:
    value = summary.get("best", {}).get("gap_closed")
    return float(value) if isinstance(value, int | float) else None
