"""Whether a file is still the one that was read."""

from __future__ import annotations

import os
from pathlib import Path

Identity = tuple[str, int, int, int]


def identity(file: Path) -> Identity:
    """Absolute path, size, time of last change in ns, and inode; -1 thrice for a file that is not there.

    Links are followed. Archives restore the time, and many arrays have one size: the inode tells a file that took
    another's place.

    Raises:
        OSError: If that cannot be known.
        ValueError: If the path holds a zero byte.
    """
    path = os.fspath(file)
    if not os.path.isabs(path):  # noqa: PTH117 - for speed, here and below: pathlib takes ten times as long
        path = os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118
    try:
        status = os.stat(path)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return path, -1, -1, -1
    return path, status.st_size, status.st_mtime_ns, status.st_ino
