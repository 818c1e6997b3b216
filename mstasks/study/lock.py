"""One process a job, whoever starts it: a lock that lives as long as the job's own process."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath

_LONGEST_NAME = 200


def acquire(root: Path, job: PurePosixPath) -> int | None:
    """Lock a job.

    The lock belongs to the open file, which the job's process inherits: if the study is killed and the job's process is
    not, the job stays locked. Where the system has no ``flock``, nothing is locked.

    Args:
        root: The study's folder.
        job: The job's, below it.

    Returns:
        A file descriptor to close when the job has ended; None if another process has the lock.
    """
    folder = root / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / _name(job), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        import fcntl
    except ImportError:
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file


def release(file: int) -> None:
    """Close what `acquire` returned."""
    os.close(file)


def _name(job: PurePosixPath) -> str:
    """One name for a path; file systems take no more than 255 bytes."""
    name = "--".join(job.parts)
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
