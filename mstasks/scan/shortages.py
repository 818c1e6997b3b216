"""What no single file is to blame for, but training stops at: a split without images, a task without labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mstasks.scan.facts import IDS, Fault
from mstasks.scan.tally import FaultyPart, SplitTally, Tally, TaskTally
from mstasks.targets import TargetInfo

TRAINED = "train"
"""The split in which every task must have a label."""


def shortages(tally: Tally, targets: Mapping[str, str], infos: Mapping[str, TargetInfo]) -> Iterator[FaultyPart]:
    """Faults of whole splits; those of splits that could not be listed are in the tally already.

    Args:
        tally: Of all samples.
        targets: The target that each task reads, by the task's name.
        infos: What each task says of its labels, by the task's name.
    """
    unlisted = {row.split for row in tally.faults if not row.id}
    for name, split in tally.splits.items():
        if name in unlisted:
            continue
        if split.images == split.excluded:
            yield FaultyPart(name, "", Fault(IDS, _no_image(split)), False)
        elif name == TRAINED:
            for task, labels in split.tasks.items():
                if not labels.labelled:
                    reason = f"task '{task}': {no_label(split, labels, infos[task])}"
                    yield FaultyPart(name, "", Fault(targets[task], reason), False)


def _no_image(split: SplitTally) -> str:
    if split.images:
        return (
            f"`data.exclude` lists all of its {split.images} images; training needs all three splits, so mend some of "
            "them, or move others here."
        )
    return "it has no image; training needs all three splits, so check its list."


def no_label(split: SplitTally, labels: TaskTally, info: TargetInfo) -> str:
    """Why a task has nothing to learn from in a split, and what to do.

    Args:
        split: Has an image that is not left out.
        labels: Of the task in that split, none of them with a valid pixel or attribute.
        info: What the task says of its labels.
    """
    if labels.blank:
        value = "a missing pixel" if info.kind.dense else "an unknown answer"
        return (
            f"{labels.blank} of {labels.blank} labels are nowhere valid; the value that stands for {value} may be "
            "another one, so open some of them, else take the task out of the recipe."
        )
    return (
        f"none of {split.images - split.excluded} images has a usable label; a folder or column may be missing or "
        "named otherwise, else take the task out of the recipe."
    )
