"""Adaptation curves: how scores of adapted runs of one parent grow with the number of labelled images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mstasks.errors import MstasksError
from mstasks.report.adaptation import strategy
from mstasks.report.charts import Axis, Line, lines
from mstasks.report.markup import Html
from mstasks.report.page import Section, figure, figures, paragraph
from mstasks.report.source import Source
from mstasks.report.wording import directed
from mstasks.runfolder import RunFolder

_NOTE = "Mean over draws; the band is one standard deviation on either side."


def shots(sources: Sequence[Source]) -> Section:
    """A chart for each task that at least two of the runs were adapted to with different numbers of images.

    Args:
        sources: Runs; of those that `family` gives, the adapted ones count.
    """
    by_task: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for source in sources:
        adapt = source.summary.get("adapt")
        if adapt and source.parent is not None:
            by_task.setdefault((adapt["task"], str(source.parent.resolve())), []).append(adapt)
    several = {key: adapts for key, adapts in by_task.items() if len({adapt["shots"] for adapt in adapts}) > 1}
    section = Section("Adaptation over the number of images")
    if not several:
        return section
    charts = [_chart(task, adapts) for (task, _), adapts in several.items()]
    return section.add(figures(*charts), paragraph(_NOTE, note=True))


def family(source: Source) -> list[Source]:
    """Complete runs beside a run that were adapted from the same parent, or from itself; the run too."""
    above = source.parent if source.summary.get("adapt") else None
    parent = (above or source.run.path).resolve()
    found = []
    for folder in sorted(source.run.path.resolve().parent.iterdir()):
        if not (folder / "summary.json").is_file() or not (folder / "resolved.yaml").is_file():
            continue
        try:
            other = Source.read(RunFolder(folder))
        except MstasksError:  # a damaged run beside the one that was asked for is somebody else's trouble
            continue
        if other.summary.get("adapt") and other.parent is not None and other.parent.resolve() == parent:
            found.append(other)
    return found


def _chart(task: str, adapts: Iterable[Mapping[str, Any]]) -> Html:
    """A line for each strategy, and one for each other predictor, which is the same whatever the strategy."""
    points: dict[str, dict[int, tuple[float, float]]] = {}
    adapts = sorted(adapts, key=lambda adapt: int(adapt["shots"]))
    for adapt in adapts:
        for column, spread in adapt["columns"].items():
            name = strategy(adapt) if column == "adapted" else column
            if spread["mean"] is not None:
                points.setdefault(name, {}).setdefault(int(adapt["shots"]), (spread["mean"], spread["sd"] or 0.0))
    own = {strategy(adapt) for adapt in adapts}
    drawn = [_line(name, by_shots, dashed=name not in own) for name, by_shots in points.items()]
    first = adapts[0]
    chart = lines(drawn, Axis("labelled images", log=True), Axis(first["primary"]))
    return figure(chart, directed(f"{task}: {first['primary']}, test", first["higher_is_better"]))


def _line(name: str, points: Mapping[int, tuple[float, float]], *, dashed: bool) -> Line:
    means, deviations = zip(*points.values(), strict=True)
    low = [mean - sd for mean, sd in zip(means, deviations, strict=True)]
    high = [mean + sd for mean, sd in zip(means, deviations, strict=True)]
    return Line(name, list(points), means, low, high, dashed=dashed, marks=True)
