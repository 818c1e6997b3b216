"""Several runs on top of their page: one table of primary metrics and costs, and a chart of one against the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mstasks.comparison import ComparedRun, Comparison, compare_runs
from mstasks.report.charts import Axis, Point, scatter
from mstasks.report.headline import kind
from mstasks.report.markup import Html, element, joined, void
from mstasks.report.page import Section, figure, figures, paragraph, table
from mstasks.report.source import Source
from mstasks.report.wording import change, count, directed, listed, number, percent

Primary = Mapping[tuple[str, str], bool]
"""By task and metric, whether higher is better."""


def compared(names: Mapping[str, Source]) -> Section:
    """The complete runs side by side, with delta_m against the first of them; empty if fewer than two are complete.

    Args:
        names: Runs by the names of their tabs.
    """
    section = Section("Comparison")
    complete = {name: source for name, source in names.items() if source.summary}
    if len(complete) < 2:
        return section
    comparison = compare_runs([source.run.path for source in complete.values()])
    rows = dict(zip(complete, comparison.runs, strict=True))
    primary = _primary(comparison)
    what = {name: _what(source) for name, source in complete.items()}
    section.add(_table(rows, what, primary), *_notes(rows))
    charts = list(_charts(rows, primary))
    return section.add(figures(*charts) if charts else Html())


def _what(source: Source) -> str:
    """The method of a trained run; of another one, what was made of which."""
    return str(source.recipe.get("method", "multi-task")) if source.parent is None else kind(source)


def _primary(comparison: Comparison) -> Primary:
    return {
        (name, task["primary"]): bool(task["higher_is_better"])
        for row in comparison.runs
        for name, task in row.tasks.items()
    }


def _score(row: ComparedRun, task: str, metric: str) -> float | None:
    value: float | None = ((row.tasks.get(task) or {}).get("test") or {}).get(metric)
    return value


def _table(rows: Mapping[str, ComparedRun], what: Mapping[str, str], primary: Primary) -> Html:
    scores = [
        _marked([_score(row, task, metric) for row in rows.values()], higher)
        for (task, metric), higher in primary.items()
    ]
    cells = [
        (
            name,
            what[name],
            *(column[index] for column in scores),
            change(row.delta_m.percent),
            count(row.cost.macs),
            count(row.cost.parameters),
            percent(row.cost.shared_left),
        )
        for index, (name, row) in enumerate(rows.items())
    ]
    tasks = [joined([task, void("br"), directed(metric, higher)]) for (task, metric), higher in primary.items()]
    columns = (
        "run",
        "what",
        *tasks,
        directed("delta_m", True),
        "MACs",
        "parameters",
        joined(["shared", void("br"), "MACs left"]),
    )
    return table(columns, cells, numbers=columns[2:])


def _marked(values: Sequence[float | None], higher: bool) -> list[str]:
    """Scores as text, the best of them in bold; none if all show the same."""
    there = [value for value in values if value is not None]
    best = number((max if higher else min)(there)) if there else ""
    texts = [number(value) for value in values]
    alike = len({text for text, value in zip(texts, values, strict=True) if value is not None}) < 2
    return [element("strong", text) if text == best and not alike else text for text in texts]


def _notes(rows: Mapping[str, ComparedRun]) -> Iterator[Html]:
    baseline = next(iter(rows))
    yield paragraph(
        f"On the test split. delta_m is the mean relative change of the primary metrics against {baseline}, positive "
        "if better. MACs and parameters are those of the whole network without the channels that are zero.",
        note=True,
    )
    for name, row in rows.items():
        if row.differs:
            text = f"{name} is hard to compare with {baseline}: {'; '.join(row.differs)}."
            yield element("p", text, class_="bad")
    left_out: dict[str, list[str]] = {}
    for name, row in rows.items():
        for task, why in row.delta_m.left_out.items():
            left_out.setdefault(f"leaves out {task}, {why}", []).append(name)
    for sentence, names in left_out.items():
        yield paragraph(f"delta_m of {listed(names)} {sentence}.", note=True)


def _charts(rows: Mapping[str, ComparedRun], primary: Primary) -> Iterator[Html]:
    """Each primary metric against the MACs of the network, if they differ."""
    macs = {name: row.cost.macs for name, row in rows.items() if row.cost.macs is not None}
    if len(set(macs.values())) < 2:
        return
    for (task, metric), higher in primary.items():
        points = [
            Point(name, cost, value, colour=index)
            for index, (name, cost) in enumerate(macs.items())
            if (value := _score(rows[name], task, metric)) is not None
        ]
        if len(points) > 1:
            caption = joined([directed(f"{task}: {metric}", higher), " against MACs"])
            yield figure(scatter(points, Axis("MACs"), Axis(metric)), caption)
