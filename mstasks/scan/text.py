"""What a scan found, as tables and sentences for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mstasks.data.files import printable
from mstasks.scan.duplicates import Place
from mstasks.scan.histogram import bars
from mstasks.scan.report import QUANTILES, Report
from mstasks.scan.sizes import Size, relation
from mstasks.scan.statistics import Answers, Classes, Statistics, Values
from mstasks.scan.tally import TaskTally
from mstasks.scan.wording import few, share
from mstasks.targets import TargetInfo, TargetKind

MOST_FAULTS = 20
"""Faults, duplicates and pairs of sizes that are shown; data.json has all."""
MOST_NAMES = 60
"""Classes or attributes that are shown."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a sentence below it.

    Attributes:
        columns: Headings.
        rows: As many cells each.
        note: Stands below; empty for none.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def tables(report: Report) -> Iterator[Table]:
    """The tables of a report, those without a row left out."""
    yield _splits(report)
    yield _labels(report)
    for task, info in report.infos.items():
        if info.names:
            yield _names(report, task, info)
    for table in (_sizes(report), _faults(report), _duplicates(report)):
        if table.rows:
            yield table


def _splits(report: Report) -> Table:
    rows = tuple(
        (name, *map(str, (split.images, split.excluded, split.unreadable, split.broken, within)))
        for (name, split), within in zip(report.tally.splits.items(), report.duplicates.within.values(), strict=True)
    )
    return Table(("SPLIT", "IMAGES", "EXCLUDED ALREADY", "UNREADABLE", "BROKEN LABELS", "REPEATED"), rows)


def _labels(report: Report) -> Table:
    rows = []
    for task, info in report.infos.items():
        for name, split in report.tally.splits.items():
            labels = split.tasks[task]
            known = "" if labels.statistics is None else summary(labels.statistics, info)
            rows.append((task, name, str(labels.labelled), share(labels.valid, labels.total), known))
    return Table(("TASK", "SPLIT", "LABELLED", "VALID", "VALUES"), tuple(rows))


def summary(found: Statistics, info: TargetInfo) -> str:
    """Statistics on one line."""
    if isinstance(found, Classes):
        return f"{int((found.counts > 0).sum())} of {len(info.names)} classes occur"
    if isinstance(found, Answers):
        least, most = int(found.annotated.min()), int(found.annotated.max())
        images = f"{least}" if least == most else f"{least} to {most}"
        return f"{len(info.names)} attributes, each known for {images} images"
    if isinstance(found, Values):
        return _values(found, " m" if info.kind is TargetKind.DEPTH_MAP else "")
    x, y, z = found.total / max(1, found.count)
    return f"mean direction ({x:.2f}, {y:.2f}, {z:.2f}), {share(found.away, found.count)} face away"


def _values(found: Values, unit: str) -> str:
    if not found.count:
        return ""
    numbers = {
        "min": found.least,
        **{name: found.quantile(part) for name, part in QUANTILES.items()},
        "max": found.most,
    }
    _, counts = found.bins.columns(found.counts, found.least, found.most)
    return f"{'  '.join(f'{name} {_number(value)}' for name, value in numbers.items())}{unit}  |{bars(counts)}|"


def _number(value: float) -> str:
    """Three digits, more only before the point."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _names(report: Report, task: str, info: TargetInfo) -> Table:
    """A row a class with its share of the valid pixels, or a row an attribute with its share of yes, by split."""
    tallies = {name: split.tasks[task] for name, split in report.tally.splits.items()}
    cells = {name: _shares(labels, len(info.names)) for name, labels in tallies.items()}
    rows = tuple((printable(own), *(cells[split][row] for split in cells)) for row, own in enumerate(info.names))
    what = "class" if info.kind is TargetKind.LABEL_MAP else "attribute"
    notes = [f"{len(rows) - MOST_NAMES} more in data.json."] if len(rows) > MOST_NAMES else []
    if info.kind is TargetKind.LABEL_MAP:
        for name, labels in tallies.items():
            never = _never(labels, info)
            notes += [f"{task}: never in {name}: {few(never, MOST_NAMES)}."] if never else []
    return Table((f"{what} of {task}".upper(), *cells), rows[:MOST_NAMES], "\n".join(notes))


def _shares(labels: TaskTally, count: int) -> list[str]:
    found = labels.statistics
    if isinstance(found, Classes):
        total = int(found.counts.sum())
        return [share(part, total) if part else "never" for part in found.counts.tolist()]
    if isinstance(found, Answers):
        pairs = zip(found.yes.tolist(), found.annotated.tolist(), strict=True)
        return [f"yes {share(yes, known)} of {known}" if known else "not annotated" for yes, known in pairs]
    return ["-"] * count


def _never(labels: TaskTally, info: TargetInfo) -> list[str]:
    found = labels.statistics
    if not isinstance(found, Classes):
        return []
    return [name for name, count in zip(info.names, found.counts, strict=True) if not count]


def _sizes(report: Report) -> Table:
    counts: Counter[tuple[str, Size, Size]] = Counter()
    for split in report.tally.splits.values():
        for task, labels in split.tasks.items():
            for sizes, pair in labels.sizes.items():
                counts[task, *sizes] += pair.count
    rows = [
        (task, f"{image[0]} x {image[1]}", f"{label[0]} x {label[1]}", str(relation(image, label)), str(count))
        for (task, image, label), count in counts.most_common(MOST_FAULTS)
    ]
    note = f"{len(counts) - MOST_FAULTS} more in data.json." if len(counts) > MOST_FAULTS else ""
    return Table(("TASK", "IMAGE (H x W)", "LABEL (H x W)", "COMPARED", "LABELS"), tuple(rows), note)


def _faults(report: Report) -> Table:
    faults = report.tally.faults
    rows = tuple(
        (
            row.split + (" (excluded)" if row.excluded else ""),
            printable(row.id) or "-",
            row.fault.part,
            row.fault.reason,
        )
        for row in faults[:MOST_FAULTS]
    )
    note = f"{len(faults) - MOST_FAULTS} more in data.json." if len(faults) > MOST_FAULTS else ""
    return Table(("FAULT IN", "ID", "PART", "REASON"), tuple(rows), note)


def _duplicates(report: Report) -> Table:
    across = report.duplicates.across
    rows = tuple(
        (few([f"{split}: {id}" for split, id in _one_of_each_first(group)]),) for group in across[:MOST_FAULTS]
    )
    note = f"{len(across) - MOST_FAULTS} more in data.json." if len(across) > MOST_FAULTS else ""
    return Table(("THE SAME IMAGE IN SEVERAL SPLITS",), rows, note)


def _one_of_each_first(group: Sequence[Place]) -> list[Place]:
    """The first image of each split before the others: not all may be shown."""
    firsts = list({split: (split, id) for split, id in reversed(group)}.values())[::-1]
    return firsts + [place for place in group if place not in firsts]
