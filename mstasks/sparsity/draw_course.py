"""strength.png and macs.png: how the strength, and what it did, went with the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Course = Mapping[int, Mapping[str, Any]]
"""By step, in order, what metrics.jsonl holds under ``sparsity``: `mstasks.sparsity.snapshot.Snapshot.row`."""
_MANY = 8


def draw_trajectory(course: Course, path: Path) -> bool:
    """Save price or lambda against the step, on a logarithmic axis; values of zero are gaps.

    Up to eight spaces have a line each, more a band from the least to the greatest value, one for the middle half, and
    the median.

    Returns:
        Whether any value is above zero.
    """
    names = list(dict.fromkeys(space for row in course.values() for space in row["strength"]["values"]))
    values = np.array([[_positive(row, name) for row in course.values()] for name in names], dtype=np.float64)
    if not np.isfinite(values).any():
        return False
    reading = course[max(course)]["strength"]["name"]
    figure, axis = _axes(reading)
    steps = list(course)
    if len(names) > _MANY:
        _bands(axis, steps, values)
    else:
        for name, line in zip(names, values, strict=True):
            axis.plot(steps, line, linewidth=1.4, marker=_marker(steps), markersize=3, label=name)
    axis.set_yscale("log")
    axis.margins(x=0.02)
    axis.update_datalim([(steps[0], np.nanmin(values)), (steps[-1], np.nanmax(values))])  # steps without a value, too
    axis.autoscale_view()
    if len(names) > 1:
        axis.legend(fontsize=6, frameon=False)
    figure.savefig(path, dpi=150)
    return True


def draw_macs(course: Course, target: Mapping[str, float] | None, path: Path) -> bool:
    """Save the MACs left and the zero groups, in per cent, against the step, with a target of MACs as a line.

    Returns:
        Whether there was a step to draw.
    """
    if not course:
        return False
    figure, axis = _axes("%")
    steps = list(course)
    for key, label, colour in (("macs", "MACs left", "#1f4e79"), ("zero_groups", "zero groups", "#d55e00")):
        line = [100 * row[key] for row in course.values()]
        axis.plot(steps, line, color=colour, linewidth=1.6, marker=_marker(steps), markersize=3, label=label)
    if target is not None and "macs" in target:
        label = f"target: {100 * target['macs']:g} % of the MACs"
        axis.axhline(100 * target["macs"], color="0.35", linewidth=1, linestyle="--", label=label)
    axis.set_ylim(-2, 102)
    axis.legend(fontsize=7, frameon=False)
    figure.savefig(path, dpi=150)
    return True


def _positive(row: Mapping[str, Any], name: str) -> float:
    value = row["strength"]["values"].get(name)
    return value if value is not None and value > 0 else np.nan


def _bands(axis: Axes, steps: Sequence[int], values: NDArray[np.float64]) -> None:
    seen = np.isfinite(values).any(axis=0)
    low, lower, middle, upper, high = np.full((5, len(steps)), np.nan)
    quantiles = np.nanquantile(values[:, seen], [0, 0.25, 0.5, 0.75, 1], axis=0)
    for line, quantile in zip((low, lower, middle, upper, high), quantiles, strict=True):
        line[seen] = quantile
    colour = "#1f4e79"
    axis.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0, label=f"all {len(values)} spaces")
    axis.fill_between(steps, lower, upper, color=colour, alpha=0.3, linewidth=0, label="middle half")
    axis.plot(steps, middle, color=colour, linewidth=1.6, label="median")


def _axes(label: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 3.2), layout="constrained")
    axis = figure.subplots()
    axis.set_xlabel("step", fontsize=8)
    axis.set_ylabel(label, fontsize=8)
    axis.tick_params(which="both", labelsize=7)
    axis.grid(alpha=0.25)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    return figure, axis


def _marker(steps: Sequence[int]) -> str:
    return "o" if len(steps) < 12 else ""
