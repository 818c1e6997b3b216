"""Which files are in a folder and its sub-folders: each folder is listed once, no file is opened."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mstasks import quoted


@dataclass(slots=True)
class Listing:
    """What was found.

    Attributes:
        files: The suffix of each file by its id: its path below the folder, without ending and suffix.
        others: How many files have another suffix or ending.
        skipped: What was left out though it might have been meant, each with the reason.
    """

    files: dict[str, str] = field(default_factory=dict)
    others: int = 0
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which files count.

    Attributes:
        suffixes: Of their names, in lower case.
        ending: What the rest of their names ends in.
        avoid: Folders that are not entered.
        not_endings: Endings by which labels are told from images that lie in the same folder.
    """

    suffixes: frozenset[str]
    ending: str = ""
    avoid: frozenset[str] = frozenset()
    not_endings: tuple[str, ...] = ()

    def id(self, stem: str) -> str | None:
        """The id of a file with a wanted suffix; None if it does not count."""
        if not stem.endswith(self.ending) or stem == self.ending or stem.endswith(self.not_endings):
            return None
        return stem.removesuffix(self.ending)


def list_files(folder: Path, prefix: str, wanted: Wanted, into: Listing) -> None:
    """List a folder.

    Hidden files and folders are passed over. A link to a folder is followed, but no folder is listed twice, so that
    links may go in circles; a folder that is also reached without a link is listed in its own place. What is called
    like a file that counts is listed even if it is a folder or a pipe, to be refused by name where it is needed.

    Args:
        folder: Where to begin.
        prefix: Put before each id.
        wanted: Which files count.
        into: Gets what is found.

    Raises:
        ValueError: If the folder is not there or cannot be read, or two files have the same id.
    """
    seen: dict[tuple[int, int], Path] = {}
    doubles: list[tuple[str, str]] = []
    waiting, links = [(folder, prefix)], list[tuple[Path, str]]()
    while waiting or links:
        here, before = (waiting or links).pop()
        if not _is_new(here, seen, into):
            continue
        for name, is_folder in _entries(here, wanted, into):
            if is_folder:
                later = links if (here / name).is_symlink() else waiting
                later.append((here / name, f"{before}{name}/"))
                continue
            stem, _, suffix = name.rpartition(".")
            id = wanted.id(stem)
            if id is None:
                into.others += 1
            elif into.files.setdefault(before + id, f".{suffix}") != f".{suffix}":
                doubles.append((str(here / name), f"{stem}{into.files[before + id]}"))
    if doubles:
        first, other = min(doubles)
        raise ValueError(f"{quoted(Path(first))} and '{other}' beside it have the same id. Keep one of the two.")


def _is_new(folder: Path, seen: dict[tuple[int, int], Path], into: Listing) -> bool:
    try:
        status = folder.stat()
    except FileNotFoundError:
        raise ValueError(f"There is no folder {quoted(folder)}.{_neighbours(folder)}") from None
    except OSError as error:
        raise ValueError(f"{quoted(folder)} cannot be read: {error.strerror}.") from error
    first = seen.setdefault((status.st_dev, status.st_ino), folder)
    if first is not folder:
        into.skipped.append(f"{quoted(folder)} is the same folder as {quoted(first)}")
    return first is folder


def _neighbours(folder: Path) -> str:
    """What may have been meant by a folder that is not there."""
    try:
        names = sorted(path.name for path in folder.parent.iterdir() if path.is_dir() and path.name.isprintable())
    except OSError:
        return ""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f" Beside it: {', '.join(names[:10])}{more}." if names else ""


def _entries(folder: Path, wanted: Wanted, into: Listing) -> Iterator[tuple[str, bool]]:
    """Names of files with a wanted suffix and of folders to enter, each with whether it is a folder, in order."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise ValueError(f"{quoted(folder)} cannot be listed: {error.strerror}.") from error
    for entry in entries:
        name = entry.name
        if name.startswith("."):
            continue
        counts = _suffix(name) in wanted.suffixes
        enter = not counts and _is_folder(entry) and entry.path not in wanted.avoid
        if not (counts or enter):
            into.others += not _is_folder(entry)
        elif _is_sound(name):
            yield name, enter
        else:
            into.skipped.append(f"{quoted(folder / name)} has a name that is no text in UTF-8 or holds control codes")


def _suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if stem and dot else ""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _is_sound(name: str) -> bool:
    """Whether a name is text without control codes; bytes that are no UTF-8 come as lone surrogates."""
    return name.isprintable() or not any(unicodedata.category(c) in ("Cc", "Cs") for c in name)
