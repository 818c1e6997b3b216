"""Images that are there more than once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mstasks.data.dataset import Split

Place = tuple[Split, str]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """What the groups of equal images amount to.

    Attributes:
        across: Groups whose images lie in more than one split: what is trained on is also scored.
        within: How many images each split could do without, since they repeat another of the same split.
    """

    across: tuple[tuple[Place, ...], ...]
    within: dict[Split, int]


def summarise(groups: Sequence[Sequence[Place]], splits: Sequence[Split]) -> Duplicates:
    """Sort groups of equal images.

    Args:
        groups: Each at least two samples with the same image.
        splits: Of the data set.
    """
    within = dict.fromkeys(splits, 0)
    for group in groups:
        found = [split for split, _ in group]
        for split in set(found):
            within[split] += found.count(split) - 1
    across = tuple(tuple(group) for group in groups if len({split for split, _ in group}) > 1)
    return Duplicates(across, within)
