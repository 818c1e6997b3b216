"""What charts have in common: axes, rules, dots and legends, as SVG in the classes of page.css."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mstasks.report.markup import Html, element, joined
from mstasks.report.scale import Axis, Scale, Value, fitted

WIDTH, HEIGHT = 360, 215
"""Of a chart, in the pixels of its text, which is 11 high."""
CHARACTER = 6.2
"""Mean width of a character, for want of a font to ask."""
_COLOURS = 8
_TOP, _RIGHT, _BOTTOM = 20, 10, 34


@dataclass(frozen=True, slots=True)
class Rule:
    """A dashed line across the chart at a height, such as a target.

    Attributes:
        value: Where on the vertical axis.
        name: Stands above its left end.
    """

    value: float
    name: str = ""


def legend(names: Sequence[tuple[str, int | str]], *, blocks: bool = False) -> Html:
    """Names with their colours; nothing if there are none.

    Args:
        names: Each with the number of its colour, or the class of one in page.css.
        blocks: Whether they stand for areas, not for lines.
    """
    if not names:
        return Html()
    return element(
        "ul",
        *(
            element(
                "li", element("i", class_=f"{colour_class(colour)}{' block' if blocks else ''}"), element("span", name)
            )
            for name, colour in names
        ),
        class_="legend",
    )


def colour_class(colour: int | str) -> str:
    """The class of a numbered colour; a class as it is."""
    return f"s{colour % _COLOURS}" if isinstance(colour, int) else colour


@dataclass(frozen=True, slots=True)
class Frame:
    """Axes around the marks of a chart."""

    x: Scale
    y: Scale

    @classmethod
    def around(
        cls, x: Axis, y: Axis, across: Sequence[Value], upwards: Sequence[Value], *, padded: bool = False
    ) -> Frame:
        """Axes on which all values have a place, with room on the left for the ticks' text."""
        vertical = fitted(y, upwards, (HEIGHT - _BOTTOM, _TOP), padded=True)
        left = 10 + CHARACTER * max((len(y.written(tick)) for tick in vertical.ticks), default=1)
        return cls(fitted(x, across, (left, WIDTH - _RIGHT), padded=padded), vertical)

    def svg(self, marks: Sequence[Html], description: str) -> Html:
        """The chart with its marks; the description is for people who do not see it."""
        return element(
            "svg",
            *self._ticks(),
            *marks,
            class_="chart",
            view_box=f"0 0 {WIDTH} {HEIGHT}",
            role="img",
            aria_label=description,
        )

    def _ticks(self) -> Iterator[Html]:
        left, right, bottom = self.x.start, self.x.end, self.y.start
        for tick in self.y.ticks:
            at = self.y(tick)
            yield element("line", x1=left, x2=right, y1=at, y2=at, class_="grid")
            yield element("text", self.y.axis.written(tick), x=left - 6, y=at + 3.8, text_anchor="end")
        yield element("line", x1=left, x2=right, y1=bottom, y2=bottom, class_="axis")
        for tick in self.x.ticks:
            at = self.x(tick)
            yield element("text", self.x.axis.written(tick), x=at, y=bottom + 14, text_anchor="middle")
        yield element("text", self.y.axis.label, x=0, y=10)
        yield element("text", self.x.axis.label, x=right, y=HEIGHT - 4, text_anchor="end")


def drawn_rule(rule: Rule, frame: Frame) -> Html:
    """A rule across a chart."""
    at = frame.y(rule.value)
    name = element("text", rule.name, x=frame.x.start + 4, y=at - 4) if rule.name else Html()
    return joined([element("line", x1=frame.x.start, x2=frame.x.end, y1=at, y2=at, class_="rule"), name])


def dot(x: float, y: float, title: str, radius: float = 2.6) -> Html:
    """A dot that says what it stands for when pointed at."""
    return element("circle", element("title", title), cx=x, cy=y, r=radius, class_="dot")
