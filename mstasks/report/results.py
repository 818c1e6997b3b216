"""The table of test scores, and the scores of parts such as classes and attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mstasks.directions import direction
from mstasks.report.markup import Html, element
from mstasks.report.page import Section, collapsible, paragraph, table
from mstasks.report.source import Source
from mstasks.report.wording import directed, number, percent

_COLUMNS = ("task", "metric", "network", "constant", "gap closed")
_NOTE = (
    "On the test split. The constant predictor gives every image the same answer, the best one that the training "
    "labels know. Gap closed is how far the network is on the way from there to a perfect score. "
    "Scores that lose to it are red."
)


def results(source: Source) -> Section:
    """Scores beside the constant predictor's, or how to complete the run."""
    section = Section("Results")
    tasks = source.summary.get("tasks")
    if not tasks:
        return section.add(
            paragraph(f"The run is not complete. Go on with `mstasks fit --resume {source.run.path}`.", note=True)
        )
    rows = [row for name, task in tasks.items() for row in _rows(name, task)]
    section.add(table(_COLUMNS, rows, numbers=_COLUMNS[2:]), paragraph(_NOTE, note=True))
    parts = [row for name, task in tasks.items() for row in _part_rows(name, task)]
    if parts:
        columns = ("task", "part", "metric", "network", "constant")
        section.add(collapsible("Scores of each class and attribute", table(columns, parts, numbers=columns[3:])))
    return section.add(*(paragraph(sentence) for sentence in source.summary.get("advice") or ()))


def _rows(name: str, task: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Metrics of a task, the primary one first; one whose direction the summary does not tell has no arrow."""
    scores: Mapping[str, float | None] = task.get("test") or {}
    constant: Mapping[str, float | None] = task.get("constant") or {}
    for metric in (metric for metric in scores if "/" not in metric):
        primary = metric == task["primary"]
        heading = element("strong", name) if primary else Html()
        higher = direction(task, metric)
        title = metric if higher is None else directed(metric, higher)
        value = element("strong" if primary else "span", number(scores[metric]))
        if _loses(scores[metric], constant.get(metric), higher):
            value = element("span", value, class_="bad", title="worse than the constant predictor")
        gap = percent(task.get("gap_closed")) if primary else ""
        yield heading, title, value, number(constant.get(metric)), gap


def _loses(value: float | None, constant: float | None, higher: bool | None) -> bool:
    """Whether a score is worse than the constant predictor's."""
    if value is None or constant is None or higher is None:
        return False
    return value < constant if higher else value > constant


def _part_rows(name: str, task: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    scores: Mapping[str, float | None] = task.get("test") or {}
    for key in (key for key in scores if "/" in key):
        metric, _, part = key.partition("/")
        yield name, part, metric, number(scores[key]), number((task.get("constant") or {}).get(key))
