"""Saying something once, although many loader processes come and go that each would say it."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from secrets import token_hex

from mstasks.data.cache.survey import NOTICE


@cache
def session() -> str:
    """A name of this process, which processes inherit that it forks."""
    return token_hex(8)


def say_once(text: str, folder: Path, name: str) -> None:
    """Print a line to stderr, unless the cache's folder says that it was printed under this name.

    Where the folder cannot be written to, each process says it once.
    """
    notice = folder / f"{NOTICE}{name}"
    if notice in _said:
        return
    _said.add(notice)
    try:
        os.close(os.open(notice, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    except OSError:
        pass
    print(text, file=sys.stderr, flush=True)


_said: set[Path] = set()
