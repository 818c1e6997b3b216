"""Means, differences and their intervals as numbers, for programs: what the tables show, unrounded."""

from __future__ import annotations

from collections.abc import Iterator

from mstasks.statistics import PairedDifference, spread
from mstasks.study.delta import delta_difference, delta_from, read_delta
from mstasks.study.results import Difference, Results, Row

COLUMNS = (
    "arm",
    "shots",
    "predictor",
    "task",
    "metric",
    "mean",
    "sd",
    "count",
    "missing",
    "against",
    "against_predictor",
    "difference",
    "low",
    "high",
    "pairs",
    "unit",
)
"""Keys of each row. ``low`` and ``high`` are the ends of the 95 % interval of ``difference``."""
DELTA_M = "delta_m"
"""The metric of rows that hold percents and no task: against the arm they are from, then the baseline, if another."""


def differences(results: Results) -> list[dict[str, object]]:
    """One row a row of a table and metric, with a difference where it is the primary one; then those of delta_m."""
    found = [
        _row(results, row, task, metric)
        for task, metrics in results.tasks.items()
        for row in results.rows_of(task)
        for metric in metrics
        if (row, task, metric) in results.scores
    ]
    return [*found, *_deltas(results)]


def _row(results: Results, row: Row, task: str, metric: str) -> dict[str, object]:
    about = {"arm": row.arm, "shots": row.shots, "predictor": row.predictor, "task": task, "metric": metric}
    return _filled({**about, **_mean(results.values(row, task, metric))}, _apart(results, row, task, metric))


def _mean(values: list[float | None]) -> dict[str, object]:
    whole = spread(values)
    return {"mean": whole.mean, "sd": whole.sd, "count": whole.count, "missing": whole.missing}


def _apart(results: Results, row: Row, task: str, metric: str) -> dict[str, object]:
    found = results.difference(row, task, metric) if metric == results.tasks[task][0] else None
    return {} if found is None else _difference(found.paired, found.baseline, found)


def _difference(paired: PairedDifference, other: Row, found: Difference | None = None) -> dict[str, object]:
    low, high = paired.interval or (None, None)
    return {
        "against": other.arm,
        "against_predictor": other.predictor,
        "difference": paired.mean,
        "low": low,
        "high": high,
        "pairs": paired.count,
        "unit": "seeds" if found is None else found.unit,
    }


def _deltas(results: Results) -> Iterator[dict[str, object]]:
    for arm in results.state.plan.loaded.arms:
        delta, source = read_delta(results, arm), delta_from(results, arm)
        if delta is None or source is None:
            continue
        row = Row(arm)
        about = {"arm": arm, "predictor": row.predictor, "metric": DELTA_M, **_mean(list(delta.percents.values()))}
        yield _filled(about, _difference(delta.whole, Row(source)))
        apart, other = delta_difference(results, arm), results.reference(arm)
        if apart is not None and other is not None:
            yield _filled(about, _difference(apart, Row(other)))


def _filled(*parts: dict[str, object]) -> dict[str, object]:
    given = {key: value for part in parts for key, value in part.items()}
    return {column: given.get(column) for column in COLUMNS}
