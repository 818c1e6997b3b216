"""The data set contract."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, Protocol

from mstasks.data.sample import Sample

Split = Literal["train", "val", "test"]


class Dataset(Protocol):
    """A source of samples by id. Must be cheap to construct and to pickle: workers get a copy each."""

    def ids(self, split: Split) -> Sequence[str]:
        """Ids of a split, in a fixed order. Splits are disjoint."""
        ...

    def load(self, id: str, targets: Collection[str]) -> Sample:
        """Read one sample, with those of the wanted targets that exist for it.

        Deterministic: the same id gives the same arrays.

        Raises:
            ValueError: If a file is missing or unreadable; the text names the file and the reason.
        """
        ...
