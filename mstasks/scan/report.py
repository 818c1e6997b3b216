"""What a scan found, as one value and as the document `data.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mstasks.data.files import printable
from mstasks.runfolder import finite
from mstasks.scan.duplicates import Duplicates
from mstasks.scan.sizes import Size, relation
from mstasks.scan.statistics import Answers, Classes, Statistics, Values
from mstasks.scan.suspicions import Suspicion
from mstasks.scan.tally import SizePair, Tally, TaskTally
from mstasks.targets import TargetInfo


@dataclass(frozen=True, slots=True)
class Report:
    """What a scan found.

    Attributes:
        recipe: Name of the recipe.
        dataset: Name of the data set.
        found: What it says of itself.
        infos: What each task says of its labels, by the task's name.
        tally: Everything that was counted.
        duplicates: Images that are there more than once.
        suspicions: What looks like a mistake.
        seconds: How long it took.
    """

    recipe: str
    dataset: str
    found: str
    infos: Mapping[str, TargetInfo]
    tally: Tally
    duplicates: Duplicates
    suspicions: tuple[Suspicion, ...]
    seconds: float


def document(report: Report) -> dict[str, Any]:
    """The report for programs: plain data, without NaN. docs/data.md lists the keys."""
    tally = report.tally
    return {
        "recipe": report.recipe,
        "dataset": report.dataset,
        "found": report.found,
        "seconds": round(report.seconds, 1),
        "splits": {
            name: {
                "images": split.images,
                "excluded": split.excluded,
                "unreadable": split.unreadable,
                "broken": split.broken,
                "repeated": report.duplicates.within[name],
            }
            for name, split in tally.splits.items()
        },
        "faults": [
            {
                "split": row.split,
                "id": printable(row.id),
                "part": row.fault.part,
                "reason": row.fault.reason,
                "excluded": row.excluded,
            }
            for row in tally.faults
        ],
        "tasks": {
            task: {
                "kind": info.kind,
                "splits": {name: _labels(split.tasks[task], info) for name, split in tally.splits.items()},
            }
            for task, info in report.infos.items()
        },
        "duplicates": [[{"split": split, "id": printable(id)} for split, id in group] for group in tally.duplicates()],
        "suspicions": [asdict(suspicion) for suspicion in report.suspicions],
    }


def _labels(labels: TaskTally, info: TargetInfo) -> dict[str, Any]:
    described: dict[str, Any] = {
        "labelled": labels.labelled,
        "blank": labels.blank,
        "valid": labels.valid / labels.total if labels.total else None,
    }
    if info.kind.dense:
        described["sizes"] = [_pair(*sizes, pair) for sizes, pair in labels.sizes.items()]
    if labels.statistics is not None:
        described |= finite(_statistics(labels.statistics, info))
    return described


def _pair(image: Size, label: Size, pair: SizePair) -> dict[str, Any]:
    compared, first = relation(image, label), printable(pair.first)
    return {"image": image, "label": label, "compared": compared, "count": pair.count, "first": first}


def _statistics(found: Statistics, info: TargetInfo) -> dict[str, Any]:
    if isinstance(found, Classes):
        total = max(1, int(found.counts.sum()))
        shares = dict(zip(info.names, (found.counts / total).tolist(), strict=True))
        return {"classes": shares, "never": [name for name, count in shares.items() if not count]}
    if isinstance(found, Answers):
        counts = zip(info.names, found.yes.tolist(), found.annotated.tolist(), strict=True)
        return {"attributes": {name: {"yes": yes, "annotated": annotated} for name, yes, annotated in counts}}
    if isinstance(found, Values):
        return _values(found)
    count = max(1, found.count)
    return {
        "mean": (found.total / count).tolist(),
        "not_unit": found.not_unit / count,
        "away": found.away / count,
    }


def _values(found: Values) -> dict[str, Any]:
    if not found.count:
        return {}
    ends, counts = found.bins.columns(found.counts, found.least, found.most)
    quantiles = {name: found.quantile(share) for name, share in QUANTILES.items()}
    return {"min": found.least, **quantiles, "max": found.most, "histogram": {"ends": ends, "counts": counts}}


QUANTILES = {"1%": 0.01, "median": 0.5, "99%": 0.99}
"""Quantiles of depth and scalar maps, right to half a bin: 0.6 % of a depth, 0.0005 of a scalar."""
