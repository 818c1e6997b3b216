"""Small charts as inline SVG, in colours that follow the page's dark or light scheme.

Each gives `Html` for `mstasks.report.page.figure`. Colours go by number, the same in every chart of a page, so that a
task or an arm keeps its own. A chart is drawn `mstasks.report.frame.WIDTH` wide and scales with its box.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mstasks.report.frame import CHARACTER, WIDTH, Frame, Rule, colour_class, dot, drawn_rule, legend
from mstasks.report.labels import Label, placed
from mstasks.report.markup import Html, element, joined
from mstasks.report.scale import Axis, Value

__all__ = ["Axis", "Line", "Point", "Rule", "legend", "lines", "scatter"]

_MOST_POINTS = 300


@dataclass(frozen=True, slots=True)
class Line:
    """A curve.

    Attributes:
        name: For the legend; empty leaves it out.
        xs: Where its values are, ascending.
        ys: As many values; None and NaN are gaps.
        low: Lower edge of the band around it, such as a confidence interval's; None for no band.
        high: Upper edge.
        colour: Number of its colour; its place among the lines by default.
        dashed: Whether it is dashed.
        marks: Whether each value has a dot.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[Value]
    low: Sequence[Value] | None = None
    high: Sequence[Value] | None = None
    colour: int | None = None
    dashed: bool = False
    marks: bool = False


@dataclass(frozen=True, slots=True)
class Point:
    """A point with error bars.

    Attributes:
        name: Stands beside it; empty for none.
        x: Its place.
        y: Its place.
        x_range: Ends of the horizontal error bar, None for none.
        y_range: Ends of the vertical error bar.
        colour: Number of its colour.
    """

    name: str
    x: float
    y: float
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    colour: int = 0


def lines(shown: Sequence[Line], x: Axis, y: Axis, rules: Sequence[Rule] = ()) -> Html:
    """Curves with bands, and a legend where a line has a name.

    Of a line with more than a few hundred values, evenly chosen ones are drawn, the last among them.
    """
    shown = [_thinned(line) for line in shown]
    values = [value for line in shown for edge in (line.ys, line.low or (), line.high or ()) for value in edge]
    frame = Frame.around(x, y, [at for line in shown for at in line.xs], [*values, *(r.value for r in rules)])
    marks: list[Html] = [drawn_rule(rule, frame) for rule in rules]
    colours = [number if line.colour is None else line.colour for number, line in enumerate(shown)]
    for line, colour in zip(shown, colours, strict=True):
        marks.append(element("g", *_line(line, frame), class_=colour_class(colour)))
    names = [(line.name, colour) for line, colour in zip(shown, colours, strict=True) if line.name]
    return joined([frame.svg(marks, f"{y.label} against {x.label}"), legend(names)])


def scatter(shown: Sequence[Point], x: Axis, y: Axis, rules: Sequence[Rule] = ()) -> Html:
    """Points with error bars and their names beside them, where they cover nothing if there is such a place."""
    across = [end for point in shown for end in (point.x, *(point.x_range or ()))]
    upwards = [end for point in shown for end in (point.y, *(point.y_range or ()))]
    frame = Frame.around(x, y, across, [*upwards, *(rule.value for rule in rules)], padded=True)
    seen = [point for point in shown if x.shows(point.x) and y.shows(point.y)]
    marks = [drawn_rule(rule, frame) for rule in rules]
    marks += [element("g", *_point(point, frame), class_=colour_class(point.colour)) for point in seen]
    wanted = [Label(point.name, frame.x(point.x), frame.y(point.y), len(point.name) * CHARACTER) for point in seen]
    whiskers = [box for point in seen for box in _whiskers(point, frame)]
    for label in placed(wanted, (frame.x.start, 0, WIDTH, frame.y.start), whiskers):
        marks.append(element("text", label.text, x=label.x, y=label.y, text_anchor=label.anchor, class_="name"))
    return frame.svg(marks, f"{y.label} against {x.label}")


def _line(line: Line, frame: Frame) -> Iterator[Html]:
    if line.low is not None and line.high is not None:
        yield element("path", d=_band(line.xs, line.low, line.high, frame), class_="band")
    points = [
        (frame.x(x), frame.y(y)) if frame.y.axis.shows(y) and y is not None else None
        for x, y in zip(line.xs, line.ys, strict=True)
    ]
    yield element("path", d=_path(points), class_="curve dashed" if line.dashed else "curve")
    alone = [
        index
        for index, point in enumerate(points)
        if point and not any(points[index - 1 : index] + points[index + 1 : index + 2])
    ]
    for index in range(len(points)) if line.marks else alone:
        point, value = points[index], line.ys[index]
        if point is not None and value is not None:
            yield dot(*point, f"{line.name} {frame.x.axis.written(line.xs[index])}: {value:.4g}".strip())


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    """Moves after gaps, else draws."""
    words, drawing = [], False
    for point in points:
        if point is not None:
            words.append(f"{'L' if drawing else 'M'}{point[0]:g} {point[1]:g}")
        drawing = point is not None
    return "".join(words)


def _band(xs: Sequence[float], low: Sequence[Value], high: Sequence[Value], frame: Frame) -> str:
    """The area between two edges, in pieces where one of them has a gap."""
    pieces: list[list[tuple[float, float, float]]] = [[]]
    for x, under, over in zip(xs, low, high, strict=True):
        if under is not None and over is not None and frame.y.axis.shows(under) and frame.y.axis.shows(over):
            pieces[-1].append((frame.x(x), frame.y(under), frame.y(over)))
        elif pieces[-1]:
            pieces.append([])
    closed = []
    for piece in pieces:
        around = [(x, over) for x, _, over in piece] + [(x, under) for x, under, _ in reversed(piece)]
        closed.append(_path(around) + "Z" if around else "")
    return "".join(closed)


def _whiskers(point: Point, frame: Frame) -> Iterator[tuple[float, float, float, float]]:
    """What the error bars of a point cover: left, top, right, bottom."""
    x, y = frame.x(point.x), frame.y(point.y)
    if point.x_range is not None:
        low, high = map(frame.x, point.x_range)
        yield low, y - 1, high, y + 1
    if point.y_range is not None:
        low, high = map(frame.y, point.y_range)
        yield x - 1, high, x + 1, low


def _point(point: Point, frame: Frame) -> Iterator[Html]:
    x, y = frame.x(point.x), frame.y(point.y)
    if point.x_range is not None:
        low, high = map(frame.x, point.x_range)
        yield element("line", x1=low, x2=high, y1=y, y2=y, class_="whisker")
    if point.y_range is not None:
        low, high = map(frame.y, point.y_range)
        yield element("line", x1=x, x2=x, y1=low, y2=high, class_="whisker")
    yield dot(x, y, f"{point.name}: {point.x:.4g}, {point.y:.4g}".lstrip(": "), radius=4)


def _thinned(line: Line) -> Line:
    count = len(line.xs)
    if count <= _MOST_POINTS:
        return line
    kept = [round(index * (count - 1) / (_MOST_POINTS - 1)) for index in range(_MOST_POINTS)]

    def chosen(values: Sequence[Value] | None) -> list[Value] | None:
        return None if values is None else [values[index] for index in kept]

    xs = [line.xs[index] for index in kept]
    ys = [line.ys[index] for index in kept]
    low, high = chosen(line.low), chosen(line.high)
    return Line(line.name, xs, ys, low, high, line.colour, line.dashed, line.marks)
