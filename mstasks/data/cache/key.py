"""The key of an entry: what a part of a sample is made of, and by which code."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from mstasks.data.cache.code import code_of
from mstasks.data.file_dataset import IMAGE, FileDataset
from mstasks.data.identity import Identity, identity

_PLAIN = frozenset({str, int, float, bool, type(None)})


class Key(NamedTuple):
    """A key.

    Attributes:
        digest: 16 bytes.
        newest: When the youngest of the files was changed, in ns since the epoch.
    """

    digest: bytes
    newest: int


class Keys:
    """Makes the keys of one data set's parts.

    A key is the hash of the code that reads, the id, the part, the settings that its `Source` lists, `at_least` or
    `label_size` of the data set, and the `identity` of each file. The files are looked at each time, 1 to 2
    microseconds apiece, so that what is changed, added, replaced or removed during a run is noticed; a file that is
    changed in place to the same size and the same time to the nanosecond is not.

    Args:
        dataset: Says what its parts are made of.
        kind: Class of the data set that reads the files; it must have source files (`code_of`).
    """

    def __init__(self, dataset: FileDataset, kind: type) -> None:
        self._dataset = dataset
        # A process that is spawned, not forked, has the main module under another name.
        module = "__main__" if kind.__module__ == "__mp_main__" else kind.__module__
        self._start = blake2b(_text(module, kind.__qualname__, code_of(kind)), digest_size=16)

    def __call__(self, id: str, part: str, seen: dict[Path, Identity] | None = None) -> Key | None:
        """The key of a part; None for what is not cached: parts without a source, without any file, or unreachable.

        Args:
            id: Of the sample.
            part: Of the sample.
            seen: Files that were looked at right before, to which those that are looked at now are added.

        Raises:
            ValueError: If there is no such id.
            TypeError: If the source lists settings of other types than it may.
        """
        source = self._dataset.source(id, part)
        if source is None:
            return None
        try:
            files = [_looked_up(file, seen) if seen is not None else identity(file) for file in source.files]
        except (OSError, ValueError):  # reading it will say what is wrong with it
            return None
        newest = max([file[2] for file in files], default=-1)
        if newest < 0:
            return None
        try:
            settings = [setting if type(setting) in _PLAIN else _plain(setting) for setting in source.settings]
        except TypeError as error:
            raise TypeError(
                f"`Source.settings` of '{part}' must hold str, int, float, bool and None only. Found {source.settings}."
            ) from error
        size = self._dataset.at_least if part == IMAGE else self._dataset.label_size
        digest = self._start.copy()
        digest.update(_text(id, part, size, settings, files))
        return Key(digest.digest(), newest)


def _looked_up(file: Path, seen: dict[Path, Identity]) -> Identity:
    found = seen.get(file)
    if found is None:
        found = seen[file] = identity(file)
    return found


def _plain(setting: object) -> object:
    """A value of a derived type, such as an enumeration's, as one of the type itself, whose notation says all of it."""
    if isinstance(setting, str):
        return str.__str__(setting)
    if isinstance(setting, float):
        return float.__float__(setting)
    if isinstance(setting, int):
        return int.__int__(setting)
    raise TypeError(type(setting).__name__)


def _text(*facts: object) -> bytes:
    """What Python would read as these facts; in ASCII, so that bytes of a name without meaning survive."""
    return ascii(facts).encode()
