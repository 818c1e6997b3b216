"""What filling the cache came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mstasks.data.cache.dataset import Ensured

_NAMED = 5


@dataclass(slots=True)
class Outcome:
    """Counts while the cache is filled.

    Attributes:
        folder: Of the entries.
        images: How many samples there are.
        done: Samples that were looked at.
        added: Images and labels that were added.
        bytes: Length of what was added.
        present: Images and labels that were there.
        unreadable: Samples of which something could not be read.
        problems: Id and reason of the first few of them.
        stopped: Why nothing more is added, if so.
    """

    folder: str
    images: int
    done: int = 0
    added: int = 0
    bytes: int = 0
    present: int = 0
    unreadable: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    stopped: str | None = None

    def add(self, sample: Ensured) -> None:
        """Count one sample."""
        self.added += sample.added
        self.bytes += sample.bytes
        self.present += sample.present
        self.stopped = self.stopped or sample.stopped
        self.done += self.stopped is None
        if sample.problem is not None:
            self.unreadable += 1
            if len(self.problems) < _NAMED:
                self.problems.append((sample.id, sample.problem))

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "folder": self.folder,
            "images": self.images,
            "done": self.done,
            "added": {"entries": self.added, "bytes": self.bytes},
            "present": self.present,
            "unreadable": self.unreadable,
            "problems": [{"id": id, "reason": reason} for id, reason in self.problems],
            "stopped": self.stopped,
        }
