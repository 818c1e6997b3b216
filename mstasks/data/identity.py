"""Whether a file is still the one that was read."""

from __future__ import annotations

import os
from pathlib import Path


def identity(file: Path) -> tuple[str, int, int]:
    """Absolute path, size and time of last change in ns; -1, -1 for a file that is not there. Links are followed.

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
        return path, -1, -1
    return path, status.st_size, status.st_mtime_ns
