"""Where cached things lie. Imports neither torch nor numpy."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder of everything that mstasks caches: `MSTASKS_CACHE`, else the user's cache folder of this system.

    Returns:
        Absolute; it need not exist.
    """
    given = os.environ.get("MSTASKS_CACHE")
    if given:
        return Path(given).expanduser().absolute()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("mstasks")).absolute()


def entries_folder() -> Path:
    """The folder of decoded files; it holds nothing else, and another format will have another one."""
    return cache_folder() / "data" / "v2"
