"""The list of ids that `data.exclude` of a recipe takes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mstasks.data.files import printable
from mstasks.scan.tally import FaultyPart


def exclude_list(faults: Sequence[FaultyPart], excluded: Collection[str]) -> str:
    """A text file of ids, one a line, with comments; it can replace the list that the recipe has.

    Args:
        faults: What the scan found.
        excluded: Ids that the recipe leaves out already; they stay.
    """
    lines = ["# Ids that `mstasks check --data` could not use, for `data.exclude` of a recipe: one a line."]
    by_id = {row.id: row for row in reversed(faults) if row.id}  # the first fault of each is what counts
    for id in dict.fromkeys(row.id for row in faults if row.id):
        row = by_id[id]
        lines.append(f"# {row.split}, {row.fault.part}: {row.fault.reason}")
        lines.append(id if _can_be_listed(id) else f"# cannot be listed, rename its files: {printable(id)}")
    others = sorted(set(excluded) - set(by_id))
    if others:
        lines += ["# Left out by the recipe already.", *others]
    return "".join(f"{line}\n" for line in lines)


def _can_be_listed(id: str) -> bool:
    """Whether a line of a text file can hold the id: readers strip lines, skip comments and want UTF-8."""
    return printable(id) == id == id.strip() and not id.startswith("#")
