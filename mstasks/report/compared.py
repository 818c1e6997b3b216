"""Several runs on top of their page: one table of primary metrics and costs, and a chart of one against the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from mstasks.comparison import Comparison, compare_runs
from mstasks.comparison_columns import Column, delta_m_column, left_column, primary_columns, scopes
from mstasks.comparison_findings import Finding, findings
from mstasks.report.charts import Axis, Point, scatter
from mstasks.report.headline import kind
from mstasks.report.markup import Html, element, joined, void
from mstasks.report.page import Section, figure, figures, paragraph, table
from mstasks.report.source import Source
from mstasks.report.wording import change, count, directed, number, percent


def compared(names: Mapping[str, Source]) -> Section:
    """The complete runs side by side, with delta_m against the first of them; empty if fewer than two are complete.

    Args:
        names: Runs by the names of their tabs.
    """
    section = Section("Comparison")
    complete = {name: source for name, source in names.items() if source.summary}
    if len(complete) < 2:
        return section
    comparison = _named(compare_runs([source.run.path for source in complete.values()]), list(complete))
    section.add(_table(comparison, [_what(source) for source in complete.values()]))
    section.add(
        paragraph("On the test split; MACs and parameters are of the whole network.", note=True),
        *map(_told, findings(comparison)),
    )
    charts = list(_charts(comparison))
    return section.add(figures(*charts) if charts else Html())


def _named(comparison: Comparison, names: Sequence[str]) -> Comparison:
    """The comparison by the names of the tabs, of which runs that are not complete have some too."""
    runs = tuple(replace(run, name=name) for run, name in zip(comparison.runs, names, strict=True))
    return replace(comparison, baseline=runs[0], runs=runs)


def _what(source: Source) -> str:
    """The method of a trained run; of another one, what was made of which."""
    return str(source.recipe.get("method", "multi-task")) if source.parent is None else kind(source)


def _table(comparison: Comparison, what: Sequence[str]) -> Html:
    runs = comparison.runs
    columns: dict[str, Sequence[str]] = {
        "run": [run.name for run in runs],
        "what": what,
        **{
            joined([column.task, void("br"), _directed(column)]): _cells(column, number)
            for column in primary_columns(comparison)
        },
        directed("delta_m", True): _cells(delta_m_column(comparison), change),
        "MACs": _cells(Column("MACs", [run.cost.macs for run in runs], higher=False), count),
        "parameters": _cells(Column("parameters", [run.cost.parameters for run in runs], higher=False), count),
        **_left(comparison),
    }
    numbers = list(columns)[2:]
    return table(list(columns), list(zip(*columns.values(), strict=True)), numbers=numbers)


def _cells(column: Column, show: Callable[[float | None], str]) -> list[str]:
    """Numbers as text, the best of them in bold."""
    best = column.best(show)
    return [element("strong", show(value)) if row in best else show(value) for row, value in enumerate(column.values)]


def _left(comparison: Comparison) -> dict[str, list[str]]:
    """What is left of the sparse part; of parts that are not the same, each cell names its own."""
    column = left_column(comparison)
    cells = _cells(column, percent)
    if len(scopes(comparison)) > 1:
        parts = [run.cost.scope for run in comparison.runs]
        cells = [f"{cell} {part}" if part else cell for cell, part in zip(cells, parts, strict=True)]
    return {joined([column.name.removesuffix(" left"), void("br"), "MACs left"]): cells}


def _directed(column: Column) -> str:
    return column.name if column.higher is None else directed(column.name, column.higher)


def _told(finding: Finding) -> Html:
    if finding.kind == "warning":
        return element("p", finding.text, class_="bad")
    return paragraph(f"{finding}." if finding.kind == "delta_m" else finding.text, note=True)


def _charts(comparison: Comparison) -> Iterator[Html]:
    """Each primary metric against the MACs of the network, if they differ."""
    macs = {row: run.cost.macs for row, run in enumerate(comparison.runs) if run.cost.macs is not None}
    if len(set(macs.values())) < 2:
        return
    for column in primary_columns(comparison):
        points = [
            Point(comparison.runs[row].name, cost, value, colour=row)
            for row, cost in macs.items()
            if (value := column.values[row]) is not None
        ]
        if len(points) > 1:
            caption = joined([f"{column.task}: ", _directed(column), " against MACs"])
            yield figure(scatter(points, Axis("MACs"), Axis(column.name)), caption)
