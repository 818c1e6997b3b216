"""What is not wrong by itself but looks like a mistake: one sentence each, with what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mstasks.data.files import printable
from mstasks.scan.shortages import TRAINED, no_label
from mstasks.scan.sizes import Relation
from mstasks.scan.statistics import Answers, Classes, Values
from mstasks.scan.suspicious_depth import suspicious_depth
from mstasks.scan.suspicious_vectors import suspicious_vectors
from mstasks.scan.tally import Tally, TaskTally
from mstasks.scan.wording import few, share
from mstasks.targets import TargetInfo, TargetKind

BLANK = 0.1
"""Share of labels without a valid pixel above which they are no rare accident of the sensor."""
SAME_AT_LEAST = 50
"""Images after which an attribute that is always the same is worth a word; a rare one may be absent from fewer."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Something that looks like a mistake.

    Attributes:
        split: Where it was found.
        task: Whose labels it is about, or which setting of the recipe.
        text: What was found, what that looks like, what to do.
    """

    split: str
    task: str
    text: str

    def __str__(self) -> str:
        return f"{self.task}, {self.split}: {self.text}"


def suspicions(tally: Tally, infos: Mapping[str, TargetInfo]) -> list[Suspicion]:
    """Everything suspicious of a data set.

    Args:
        tally: Of all its samples.
        infos: What each task says of its labels, by the task's name.
    """
    found = _unknown(tally)
    for name, split in tally.splits.items():
        if split.images == split.excluded:
            continue  # which is a fault
        for task, labels in split.tasks.items():
            if labels.labelled:
                found += [Suspicion(name, task, text) for text in _of_task(labels, infos[task])]
            elif name != TRAINED:  # where that is a fault
                found.append(Suspicion(name, task, no_label(split, labels, infos[task])))
    return found


def _unknown(tally: Tally) -> list[Suspicion]:
    """Ids that are to be left out, and are those of no image."""
    if not tally.unknown or any(not row.id for row in tally.faults):  # of a split that cannot be listed nobody knows
        return []
    text = (
        f"{few(sorted(tally.unknown))}: no split lists this id; ids are written as faults show "
        "them, without the ending of the file."
    )
    return [Suspicion("all splits", "data.exclude", text)]


def _of_task(labels: TaskTally, info: TargetInfo) -> Iterator[str]:
    present = labels.labelled + labels.blank
    if info.kind.dense and labels.blank > BLANK * present:
        yield (
            f"{labels.blank} of {present} labels are nowhere valid; the value that stands for a missing pixel may be "
            "another one, so open some of them."
        )
    yield from _sizes(labels)
    if labels.turned is not None:
        yield (
            f"{labels.turned.count} of {present} labels belong to photographs that an EXIF orientation mirrors or "
            f"turns without a change of size, such as '{printable(labels.turned.first)}'. A photograph is turned "
            "upright, a label without that orientation is not: look at both, and turn labels that were drawn on the "
            "picture as it is stored."
        )
    statistics = labels.statistics
    if statistics is not None:
        yield from _RULES[info.kind](statistics, info)


def _sizes(labels: TaskTally) -> Iterator[str]:
    for wanted, what in (
        (Relation.TRANSPOSED, "lie on their side beside their images; swap rows and columns when they are read"),
        (Relation.ASPECT, "have another aspect than their images and would be stretched; crop both to one frame"),
    ):
        pairs = labels.related(wanted)
        if pairs:
            image, label, pair = pairs[0]
            count, total = sum(found.count for *_, found in pairs), labels.labelled + labels.blank
            example = f"image {image[0]} x {image[1]}, label {label[0]} x {label[1]} (height x width)"
            yield f"{count} of {total} labels {what}, such as '{printable(pair.first)}': {example}."


def _classes(found: Classes, info: TargetInfo) -> Iterator[str]:
    present = [name for name, count in zip(info.names, found.counts, strict=True) if count]
    if len(present) == 1 and len(info.names) > 1:
        yield (
            f"every valid pixel is '{present[0]}', one of {len(info.names)} classes; labels may be scaled to 0 and 255 "
            "or counted from another number, so look at the values in the files."
        )


def _answers(found: Answers, info: TargetInfo) -> Iterator[str]:
    if found.odd:
        known = int(found.annotated.sum())
        yield (
            f"{found.odd} of {known} answers are neither 0 nor 1, as in files that write -1 for no; turn them into 0 "
            "and 1 when they are read."
        )
    for answer, counts in (("yes", found.yes), ("no", found.annotated - found.yes)):
        same = (counts == found.annotated) & (found.annotated >= SAME_AT_LEAST)
        names = [name for name, is_same in zip(info.names, same, strict=True) if is_same]
        if names:
            yield (
                f"{few(names)}: always {answer}, in all images where that is known; there is nothing to tell apart, so "
                "check the column or leave it out."
            )


def _scalars(found: Values) -> Iterator[str]:
    outside = int(found.counts[0]) + int(found.counts[-1]) if found.least < 0 or found.most > 1 else 0
    if outside:
        looks = "it looks like 8-bit values; divide by 255" if found.most <= 255 else "scale or clip them"
        yield (
            f"values go from {found.least:g} to {found.most:g}, and {share(outside, found.count)} lie outside 0 to 1; "
            f"{looks}."
        )
    elif found.least == found.most:
        yield f"every valid pixel is {found.least:g}; there is nothing to learn, so look at the values in the files."


_RULES: Mapping[TargetKind, Callable[..., Iterator[str]]] = {
    TargetKind.LABEL_MAP: _classes,
    TargetKind.ATTRIBUTES: _answers,
    TargetKind.SCALAR_MAP: lambda found, _: _scalars(found),
    TargetKind.DEPTH_MAP: lambda found, _: suspicious_depth(found),
    TargetKind.VECTOR_MAP: lambda found, _: suspicious_vectors(found),
}
"""Rules by kind; each takes the statistics of that kind."""
