"""The entries of the cache by key: reading them, and adding some as long as there is room."""

from __future__ import annotations

from pathlib import Path

from mstasks.data.cache.entry import Arrays, entry_bytes, is_entry, read_entry, storable, write_entry
from mstasks.data.cache.notice import say_once, session
from mstasks.data.cache.room import Room


class Store:
    """A folder of entries. May be pickled; whatever goes wrong with it is no error of those who use it.

    Args:
        folder: Of the entries.
        room: What may be added; None to add nothing.
        silent: Whether the end of filling is told by `stopped` alone, not by a line on stderr.

    Attributes:
        folder: As above.
        room: As above.
        stopped: Why this process adds nothing any more; None as long as it does.
    """

    def __init__(self, folder: Path, room: Room | None = None, *, silent: bool = False) -> None:
        self.folder = folder
        self.room = room
        self.stopped: str | None = None
        self._start = f"{folder}/"
        self._silent = silent
        self._session = session()

    @classmethod
    def open_for_filling(cls, folder: Path, bound: int, *, silent: bool = False) -> Store:
        """A store that adds entries up to a bound in bytes, or says why it cannot, and reads."""
        try:
            return cls(folder, Room.open(folder, bound), silent=silent)
        except OSError as error:
            store = cls(folder, silent=silent)
            store._stop(_reason(error))
            return store

    @property
    def filling(self) -> bool:
        """Whether this process adds entries."""
        return self.room is not None and self.stopped is None

    def read(self, key: bytes) -> Arrays | None:
        """The arrays of an entry, None if there is none that is whole."""
        return read_entry(self._path(key), key)

    def holds(self, key: bytes) -> bool:
        """Whether there is an entry that is whole."""
        return is_entry(self._path(key), key)

    def _path(self, key: bytes) -> str:
        name = key.hex()
        return f"{self._start}{name[:2]}/{name[2:]}"

    def add(self, key: bytes, arrays: Arrays) -> int:
        """Write an entry if there is room for it.

        Returns:
            Its bytes, 0 if it was not written.
        """
        if self.room is None or self.stopped is not None or not storable(arrays):
            return 0
        length, name = entry_bytes(arrays), key.hex()
        try:
            full = self.room.take(length)
            if full is None:
                write_entry(self.folder / name[:2] / name[2:], key, arrays)
                return length
            self._stop(full)
        except OSError as error:
            self._stop(_reason(error))
        return 0

    def _stop(self, reason: str) -> None:
        self.stopped = reason
        if not self._silent:
            line = f"cache: nothing more is added to {self.folder}: {reason}. What is there is used."
            say_once(line, self.folder, self._session)


def _reason(error: OSError) -> str:
    return f"it cannot be written to: {error.strerror or error}"
