"""How training went: each task's loss and validation score against the steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mstasks.report.charts import Axis, Line, lines
from mstasks.report.markup import Html
from mstasks.report.page import Section, figure, figures
from mstasks.report.source import Source
from mstasks.report.wording import directed
from mstasks.runfolder import RunFolder

_STEP = Axis("step", low=0)


def curves(source: Source) -> Section:
    """A chart of the loss, one of the primary metric for each task, and one of the gap closed; empty without rows."""
    charts: list[Html] = []
    for _, run in source.networks():
        charts += _charts(source, run)
    return Section("Training").add(figures(*charts) if charts else Html())


def by_step(run: RunFolder, split: str) -> dict[int, dict[str, Any]]:
    """The rows of a split in metrics.jsonl by step, in order.

    A resumed run logs the steps after its checkpoint again; the last row of a step counts.
    """
    rows = {row["step"]: row for row in run.rows() if row.get("split") == split}
    return dict(sorted(rows.items()))


def _charts(source: Source, run: RunFolder) -> Iterator[Html]:
    train, validation = by_step(run, "train"), by_step(run, "val")
    for task, colour in source.tasks.items():
        losses = {step: (row.get("loss") or {}).get(task) for step, row in train.items()}
        if any(value is not None for value in losses.values()):
            chart = lines([Line("", list(losses), list(losses.values()), colour=colour)], _STEP, Axis("loss"))
            yield figure(chart, f"{task}: train loss")
    summary = source.summary.get("tasks") or {}
    for task, colour in source.tasks.items():
        scores = {step: (row.get("tasks") or {}).get(task) or {} for step, row in validation.items()}
        metric = (summary.get(task) or {}).get("primary") or next(iter(_first(scores)), "")
        values = [score.get(metric) for score in scores.values()]
        if any(value is not None for value in values):
            chart = lines([Line("", list(scores), values, colour=colour, marks=True)], _STEP, Axis(metric))
            known = summary.get(task)
            caption = (
                directed(f"{task}: {metric}, validation", known["higher_is_better"]) if known else f"{task}: {metric}"
            )
            yield figure(chart, caption)
    gaps = {step: row.get("score") for step, row in validation.items()}
    if len(source.tasks) > 1 and len(gaps) > 0 and not source.run.children():
        chart = lines(
            [Line("", list(gaps), list(gaps.values()), colour=7, marks=True)], _STEP, Axis("gap closed", percent=True)
        )
        yield figure(chart, directed("All tasks: gap closed, validation", True))


def _first(scores: Mapping[int, Mapping[str, float]]) -> Mapping[str, float]:
    """The scores of the first step that has any."""
    return next((score for score in scores.values() if score), {})
