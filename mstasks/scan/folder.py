"""Where a scan writes: beside the runs of the recipe, in folders that are numbered on their own."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"data-(\d+)")


def new_folder(root: Path, name: str) -> Path:
    """Make ``root/name/data-001``, or the next free number; never an existing folder.

    Runs are numbered by folders that are called like a number, so these do not count there.
    """
    parent = root / name
    parent.mkdir(parents=True, exist_ok=True)
    taken = [int(found[1]) for entry in parent.iterdir() if (found := _NAME.fullmatch(entry.name))]
    number = max(taken, default=0) + 1
    while True:
        try:
            (parent / f"data-{number:03d}").mkdir()
        except FileExistsError:
            number += 1
        else:
            return parent / f"data-{number:03d}"
