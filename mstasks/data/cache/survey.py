"""What lies in the cache's folder, and removing it. No link is followed, and nobody else's file is touched."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mstasks.data.cache.entry import TEMPORARY

LEDGER = "ledger"
"""Name of the file whose length tells how much was added (`mstasks.data.cache.room`)."""
NOTICE = ".said-"
"""How the names of files begin that say that something has been said (`mstasks.data.cache.notice`)."""
BLOCK = 4096
"""Bytes in which space on a disk is counted."""

_SHELF, _ENTRY = re.compile(r"[0-9a-f]{2}"), re.compile(r"[0-9a-f]{30}")
_UNFINISHED = re.compile(rf"\.[0-9a-f]{{30}}\.\d+-[0-9a-f]+{re.escape(TEMPORARY)}")
_ORPHANED = 3600.0


@dataclass(frozen=True, slots=True)
class Survey:
    """What the cache holds.

    Attributes:
        entries: How many images and labels.
        bytes: What all its files take on the disk.
    """

    entries: int
    bytes: int


def on_disk(length: int) -> int:
    """Bytes that a file of this length takes."""
    return -(-length // BLOCK) * BLOCK


def survey(folder: Path) -> Survey:
    """Count what is there; nothing if there is no such folder. Takes some 20 microseconds an entry."""
    entries = size = 0
    for file in _own_files(folder):
        try:
            size += on_disk(file.stat(follow_symlinks=False).st_size)
        except OSError:  # gone meanwhile
            continue
        entries += bool(_ENTRY.fullmatch(file.name))
    return Survey(entries, size)


def sweep(folder: Path) -> None:
    """Remove what processes that were killed have left unfinished, once it is an hour old."""
    for file in _own_files(folder):
        if not (file.name.endswith(TEMPORARY) or file.name.startswith(NOTICE)):
            continue
        try:
            if time.time() - file.stat(follow_symlinks=False).st_mtime > _ORPHANED:
                Path(file.path).unlink()
        except OSError:  # gone meanwhile, or not to be removed by this user
            continue


def clear(folder: Path) -> Survey:
    """Remove everything that the cache wrote, and the folders that are empty then.

    Returns:
        What was removed.

    Raises:
        OSError: If a file cannot be removed.
    """
    entries = size = 0
    for file in list(_own_files(folder)):
        try:
            length = file.stat(follow_symlinks=False).st_size
            Path(file.path).unlink()
        except FileNotFoundError:  # removed by another process
            continue
        entries, size = entries + bool(_ENTRY.fullmatch(file.name)), size + on_disk(length)
    for shelf in [*_shelves(folder), folder, folder.parent]:
        try:
            Path(shelf).rmdir()
        except OSError:  # not empty, or not there
            continue
    return Survey(entries, size)


def _own_files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Ordinary files with names that the cache gives."""
    for file in _listed(folder):
        if file.is_file(follow_symlinks=False) and (file.name == LEDGER or file.name.startswith(NOTICE)):
            yield file
    for shelf in _shelves(folder):
        for file in _listed(shelf):
            named = _ENTRY.fullmatch(file.name) or _UNFINISHED.fullmatch(file.name)
            if named and file.is_file(follow_symlinks=False):
                yield file


def _shelves(folder: Path) -> list[Path]:
    found = [shelf for shelf in _listed(folder) if _SHELF.fullmatch(shelf.name)]
    return [Path(shelf.path) for shelf in found if shelf.is_dir(follow_symlinks=False)]


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []
