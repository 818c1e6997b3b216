"""How a network became sparse: price or lambda, MACs and zero groups against the steps."""

from __future__ import annotations

import numpy as np

from mstasks.report.charts import Axis, Line, Rule, lines
from mstasks.report.markup import Html
from mstasks.report.page import figure
from mstasks.runfolder import RunFolder
from mstasks.sparsity.draw_course import Course
from mstasks.sparsity.pictures import read_course
from mstasks.sparsity.record import SparsityRecord

_STEP = Axis("step", low=0)
_MANY = 6
_SCOPES = {"shared": "shared part"}


def course_figures(run: RunFolder, record: SparsityRecord | None) -> list[Html]:
    """MACs and zero groups, and the strength's value on a logarithmic axis, as far as they were logged."""
    course = read_course(run)
    if not course:
        return []
    target = (record.target or {}).get("macs") if record is not None else None
    steps = list(course)
    shown = [
        Line("MACs left", steps, [row["macs"] for row in course.values()], colour=0),
        Line("zero groups", steps, [row["zero_groups"] for row in course.values()], colour=1),
    ]
    rules = [] if target is None else [Rule(target, f"target {100 * target:g} % of the MACs")]
    axis = Axis("share", low=0, high=1, percent=True)
    scope = "" if record is None else f" of the {_SCOPES.get(record.scope, record.scope)}"
    drawn = [figure(lines(shown, _STEP, axis, rules), f"MACs and zero groups{scope}")]
    strength = strength_lines(course)
    if strength:
        name = str(course[max(course)]["strength"]["name"])
        drawn.append(figure(lines(strength, _STEP, Axis(name, log=True)), f"{name[:1].upper()}{name[1:]}"))
    return drawn


def strength_lines(course: Course) -> list[Line]:
    """Price or lambda of each space, of more than a few their median with the band of the middle half.

    Values of zero, before anything is removed, are gaps of the logarithmic axis.

    Returns:
        Nothing if no value is above zero.
    """
    steps = list(course)
    names = list(dict.fromkeys(space for row in course.values() for space in row["strength"]["values"]))
    rows = [[row["strength"]["values"].get(name) or np.nan for row in course.values()] for name in names]
    values = np.array(rows, dtype=np.float64)
    if not (values > 0).any():
        return []
    if len(names) == 1:
        return [Line("", steps, values[0].tolist())]
    if len(names) <= _MANY:
        return [Line(name, steps, row.tolist()) for name, row in zip(names, values, strict=True)]
    low, middle, high = np.full((3, len(steps)), np.nan)
    seen = np.isfinite(values).any(axis=0)
    low[seen], middle[seen], high[seen] = np.nanquantile(values[:, seen], [0.25, 0.5, 0.75], axis=0)
    return [Line(f"median and middle half of {len(names)} spaces", steps, middle.tolist(), low.tolist(), high.tolist())]
