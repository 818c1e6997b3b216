"""How much the cache may still grow, agreed among all processes that fill it, whichever of them are killed.

Who adds an entry first appends as many bytes to a file, the ledger, as the entry takes blocks of 4 KiB. Appending is
one step, so the ledger's length, and the place where one's own bytes ended up, tell what all have added so far; there
is no count to be torn by a kill, and nothing to lock. What was there before is counted once, when a cache is opened for
filling. The bytes are random: the first of them tell one ledger from the next, made after the cache was cleared.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from mstasks.data.cache.survey import BLOCK, LEDGER, on_disk, survey, sweep

_FREE_SHARE, _FREE_BYTES = 0.05, 1 << 30
_NAME = 16  # as many of the first bytes are a ledger's name


@dataclass(frozen=True, slots=True)
class Room:
    """The space of a cache, as seen by a process that fills it; may be pickled to others.

    The bound holds exactly on a local disk. It is met too early by one entry for each process that met it, and by what
    was reserved and not written because of a kill, until the cache is opened for filling again. On network file systems
    that lose one of two simultaneous appends it is exceeded by the entries concerned.

    Attributes:
        folder: Of the entries.
        bound: Bytes that they may take on the disk altogether.
        before: Bytes that they took when the cache was opened.
        ledger: First bytes and length of the ledger then.
    """

    folder: Path
    bound: int
    before: int
    ledger: tuple[bytes, int]

    @classmethod
    def open(cls, folder: Path, bound: int) -> Room:
        """Make the folder if it is not there, remove what killed processes left, and count what is there.

        Raises:
            OSError: If the folder cannot be written to.
        """
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        descriptor = _open(folder)
        try:
            length = os.fstat(descriptor).st_size
            # Counted after the ledger was looked at: what others add in between counts twice rather than not at all.
            before = survey(folder).bytes
            if length < _NAME:
                length += os.write(descriptor, os.urandom(_NAME))
            return cls(folder, bound, before, (_name(descriptor), length))
        finally:
            os.close(descriptor)

    def held(self) -> int:
        """Bytes that the entries take by now."""
        try:
            with (self.folder / LEDGER).open("rb") as ledger:
                return self._held(ledger.fileno())
        except OSError:
            return 0

    def take(self, length: int) -> str | None:
        """Reserve space for an entry of so many bytes.

        Returns:
            None if it may be written, else why not, as the rest of a sentence.

        Raises:
            OSError: If the ledger cannot be written.
        """
        size = on_disk(length)
        lacking = lacking_disk(self.folder, size)
        if lacking is not None:
            return lacking
        descriptor = _open(self.folder)
        try:
            if self._held(descriptor) + size <= self.bound:
                os.write(descriptor, os.urandom(size // BLOCK))
                if self._held(descriptor, os.lseek(descriptor, 0, os.SEEK_CUR)) <= self.bound:
                    return None
        finally:
            os.close(descriptor)
        return f"it has reached its bound of {self.bound / 2**30:.4g} GiB, `data.cache_gib`"

    def _held(self, descriptor: int, length: int | None = None) -> int:
        """Bytes that the entries take by an open ledger, or by so many of its first bytes."""
        if length is None:
            length = os.fstat(descriptor).st_size
        name, start = self.ledger
        if _name(descriptor) != name:  # the cache was cleared meanwhile
            return length * BLOCK
        return self.before + (length - start) * BLOCK


def lacking_disk(folder: Path, size: int) -> str | None:
    """Why so many bytes must not be added to the disk; None if they may: 5 % or 1 GiB stays free, whichever is less."""
    usage = shutil.disk_usage(folder)
    kept = min(_FREE_SHARE * usage.total, _FREE_BYTES)
    if usage.free - size >= kept:
        return None
    return f"its disk has {usage.free / 2**30:.3g} GiB left, of which {kept / 2**30:.2g} GiB are kept free"


def _name(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, _NAME)


def _open(folder: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    return os.open(folder / LEDGER, flags, 0o666)
