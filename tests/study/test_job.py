"""Every job has a folder and a lock of its own, whatever is tuned."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from mstasks.study.job import Job
from mstasks.study.lock import acquire, release


def test_trials_that_differ_in_odd_characters_alone_have_folders_of_their_own() -> None:
    trials = [("a='x y'",), ("a='x/y'",), ("a=x_y",), ("a=1", "b=2"), (f"a={'x' * 300}1",), (f"a={'x' * 300}2",)]
    folders = [Job("arm", 0, trial=trial).folder for trial in trials]
    assert len(set(folders)) == len(trials)
    assert all(len(part) < 100 for folder in folders for part in folder.parts)
    assert folders[2:4] == [PurePosixPath("arm/tuning/a=x_y/seed-0"), PurePosixPath("arm/tuning/a=1,b=2/seed-0")]


def test_a_job_of_long_names_can_be_locked(tmp_path: Path) -> None:
    one, two = (PurePosixPath("a" * 120, "tuning", "b" * 120, f"seed-{seed}") for seed in (0, 1))
    first, second = acquire(tmp_path, one), acquire(tmp_path, two)
    assert first is not None
    assert second is not None
    assert acquire(tmp_path, one) is None
    release(first)
    release(second)
