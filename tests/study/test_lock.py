"""A job is locked once, by whoever holds the open file, its process included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path, PurePosixPath

from mstasks.study.lock import acquire, release

JOB = PurePosixPath("arm/seed-0")


def test_a_lock_is_had_once_and_again_after_its_release(tmp_path: Path) -> None:
    lock = acquire(tmp_path, JOB)
    assert lock is not None
    assert acquire(tmp_path, JOB) is None
    other = acquire(tmp_path, PurePosixPath("arm/seed-1"))
    assert other is not None
    release(lock)
    again = acquire(tmp_path, JOB)
    assert again is not None
    release(again)
    release(other)


def test_a_process_that_inherited_the_lock_keeps_it_after_its_parent(tmp_path: Path) -> None:
    lock = acquire(tmp_path, JOB)
    assert lock is not None
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,))
    release(lock)
    assert acquire(tmp_path, JOB) is None
    child.communicate(b"\n")
    free = acquire(tmp_path, JOB)
    assert free is not None
    release(free)
