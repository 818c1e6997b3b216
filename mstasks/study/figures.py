"""The figures of a study's page: metric against MACs, adaptation over shots, and how arms became sparse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import median

from mstasks.report.charts import Axis, Line, Point, lines, scatter
from mstasks.report.markup import Html
from mstasks.report.page import figure
from mstasks.runfolder import RunFolder
from mstasks.sparsity.draw_course import Course
from mstasks.sparsity.pictures import read_course
from mstasks.statistics import is_number, spread
from mstasks.study.results import Results, Row
from mstasks.study.summaries import ADAPTED, NETWORK

_PARTS = {"shared": "backbone and trunk", "backbone": "the backbone"}


def task_figures(results: Results, task: str) -> list[Html]:
    """The primary metric against MACs, and against the number of labelled images."""
    metric = results.tasks[task][0]
    better = {True: ", higher is better", False: ", lower is better", None: ""}[results.higher_is_better(task)]
    axis = Axis(f"{metric}{better}")
    points = list(_points(results, task, metric))
    drawn = [figure(scatter(points, Axis("million MACs"), axis), f"{task}: {metric} against MACs")] if points else []
    curves = list(_curves(results, task, metric))
    if any(len(curve.xs) > 1 for curve in curves):
        drawn.append(figure(lines(curves, Axis("labelled images", log=True), axis), f"adapted to {task}"))
    return drawn


def course_figures(results: Results) -> list[Html]:
    """MACs, and price or lambda, against the steps: of each sparse arm its first run that is done."""
    courses = {arm: course for arm, course in _courses(results).items() if course}
    if not courses:
        return []
    colours = _colours(results)
    left = [
        Line(arm, list(course), [row["macs"] for row in course.values()], colour=colours[arm])
        for arm, course in courses.items()
    ]
    axis = Axis("MACs left", low=0, high=1, percent=True)
    drawn = [figure(lines(left, Axis("step", low=0), axis), f"MACs left of {_sparse_part(results, courses)}")]
    for name in dict.fromkeys(str(course[max(course)]["strength"]["name"]) for course in courses.values()):
        alike = {arm: row for arm, row in courses.items() if row[max(row)]["strength"]["name"] == name}
        shown = [_strength(arm, course, colours[arm]) for arm, course in alike.items()]
        shown = [line for line in shown if any(is_number(value) and value > 0 for value in line.ys)]
        if shown:
            title = f"{name[:1].upper()}{name[1:]}, median over spaces"
            drawn.append(figure(lines(shown, Axis("step", low=0), Axis(name, log=True)), title))
    return drawn


def _points(results: Results, task: str, metric: str) -> Iterator[Point]:
    """Trained arms with the standard deviation over seeds; where several MACs were reached, their range."""
    for name, number in _colours(results).items():
        found = spread(results.values(Row(name), task, metric))
        macs = [cost.macs / 1e6 for job, cost in results.costs.items() if job.arm == name and cost.macs is not None]
        if found.mean is None or not macs:
            continue
        around = None if found.sd is None else (found.mean - found.sd, found.mean + found.sd)
        across = None if min(macs) == max(macs) else (min(macs), max(macs))
        yield Point(name, sum(macs) / len(macs), found.mean, x_range=across, y_range=around, colour=number)


def _curves(results: Results, task: str, metric: str) -> Iterator[Line]:
    """Each adapted arm over its numbers of shots, what it is compared with dashed in its colour."""
    rows = [row for row in results.rows_of(task) if row.shots is not None]
    groups = dict.fromkeys((row.arm, row.predictor) for row in rows)
    colours = _colours_of_adapted(results, list(dict.fromkeys(arm for arm, _ in groups)))
    for arm, predictor in groups:
        mine = [row for row in rows if (row.arm, row.predictor) == (arm, predictor)]
        found = [spread(results.values(row, task, metric)) for row in mine]
        shots = [float(row.shots or 0) for row in mine]
        own = predictor in (ADAPTED, NETWORK)
        edges = [(s.mean, s.sd) if s.mean is not None and s.sd is not None else None for s in found]
        yield Line(
            arm if own else f"{arm}, {predictor}",
            shots,
            [one.mean for one in found],
            low=[None if edge is None else edge[0] - edge[1] for edge in edges] if own else None,
            high=[None if edge is None else edge[0] + edge[1] for edge in edges] if own else None,
            colour=colours[arm],
            dashed=not own,
            marks=True,
        )


def _courses(results: Results) -> dict[str, Course]:
    found: dict[str, Course] = {}
    shown = _colours(results)
    for job, outcome in results.state.outcomes.items():
        if outcome.done and outcome.run is not None and job.arm in shown and not job.trial and job.arm not in found:
            found[job.arm] = read_course(RunFolder(outcome.run))
    return found


def _sparse_part(results: Results, arms: Iterable[str]) -> str:
    """What the share of MACs is of."""
    loaded = results.state.plan.loaded
    sections = (loaded.recipes.load(loaded.arms[arm]).recipe.sparsity for arm in arms)
    scopes = {section.scope for section in sections if section is not None}
    return (
        _PARTS[scopes.pop()] if len(scopes) == 1 else "what each arm makes sparse, the backbone with or without trunk"
    )


def _colours(results: Results) -> dict[str, int]:
    """A colour for each trained arm of the file; those that `hold_out` adds would be too many to tell apart."""
    arms = results.state.plan.loaded.arms.values()
    shown = [arm.name for arm in arms if arm.adapts is None and arm.held_out is None]
    return {name: number for number, name in enumerate(shown)}


def _colours_of_adapted(results: Results, names: list[str]) -> dict[str, int]:
    """The colour of the trained arm that each comes from; of several from one, the others have colours of their own."""
    trained, found = _colours(results), dict[str, int]()
    for name in names:
        colour = trained[results.state.plan.loaded.arms[name].origin]
        found[name] = colour if colour not in found.values() else len(trained) + len(found)
    return found


def _strength(arm: str, course: Course, colour: int) -> Line:
    values = [[value for value in row["strength"]["values"].values() if is_number(value)] for row in course.values()]
    return Line(arm, list(course), [median(row) if row else None for row in values], colour=colour)
