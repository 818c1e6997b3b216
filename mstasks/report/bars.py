"""Bars with their names and values, as plain HTML that wraps and scales with the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mstasks.report.frame import colour_class
from mstasks.report.markup import Html, element, joined


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar with its name on the left and its value on the right.

    Attributes:
        name: What it is.
        share: Its length, a fraction of the longest possible, in [0, 1].
        text: The value as text.
        colour: Number of its colour, or a class of page.css.
        behind: Length of a pale bar behind it, such as what it was before.
        mark: Where a mark stands across it, such as its label, in [0, 1].
    """

    name: str
    share: float
    text: str
    colour: int | str = 0
    behind: float | None = None
    mark: float | None = None


def bars(shown: Sequence[Bar]) -> Html:
    """Bars below each other; all names take as much room as the longest, within a third of the page."""
    return element("div", *(_row(bar) for bar in shown), class_="bars")


def _row(bar: Bar) -> Html:
    behind = Html() if bar.behind is None else element("i", class_="void", style=f"width:{_percent(bar.behind)}")
    front = element("i", class_=colour_class(bar.colour), style=f"width:{_percent(bar.share)}")
    mark = Html() if bar.mark is None else element("b", style=f"left:{_percent(bar.mark)}")
    return joined(
        [
            element("span", bar.name, class_="label"),
            element("span", behind, front, mark, class_="track"),
            element("span", bar.text, class_="value"),
        ]
    )


def _percent(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.4g}%"
