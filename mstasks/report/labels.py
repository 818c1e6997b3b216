"""Where names stand beside points, so that they cover neither each other nor points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_HEIGHT, _GAP, _RADIUS = 12.0, 7.0, 5.0

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True, slots=True)
class Label:
    """The name of a point.

    Attributes:
        text: The name; an empty one takes no room and is not placed.
        x: Of the point.
        y: Of the point.
        width: Of the text.
    """

    text: str
    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class PlacedLabel:
    """Where a text stands: its baseline's x and y, and what of it is at x: ``start``, ``middle`` or ``end``."""

    text: str
    x: float
    y: float
    anchor: str


def placed(labels: Sequence[Label], within: Box, avoid: Sequence[Box] = ()) -> list[PlacedLabel]:
    """Right of, left of, above or below its point, whichever covers least and stays within the box; in turn.

    Args:
        labels: The names, in order of precedence.
        within: Where they should stay.
        avoid: What they should not cover besides points and each other.
    """
    taken: list[Box] = [*avoid]
    taken += [(at.x - _RADIUS, at.y - _RADIUS, at.x + _RADIUS, at.y + _RADIUS) for at in labels]
    result = []
    for label in labels:
        if not label.text:
            continue
        best = min(_candidates(label), key=lambda found: _cost(found[1], taken, within))
        taken.append(best[1])
        result.append(best[0])
    return result


def _candidates(label: Label) -> list[tuple[PlacedLabel, Box]]:
    x, y, width, text = label.x, label.y, label.width, label.text
    places = (
        (x + _GAP, y + 4, "start", x + _GAP),
        (x - _GAP, y + 4, "end", x - _GAP - width),
        (x, y - _GAP - 1, "middle", x - width / 2),
        (x, y + _GAP + 9, "middle", x - width / 2),
    )
    return [
        (PlacedLabel(text, round(at, 1), round(base, 1), anchor), (left, base - 10, left + width, base - 10 + _HEIGHT))
        for at, base, anchor, left in places
    ]


def _cost(box: Box, taken: Sequence[Box], within: Box) -> float:
    """Covered area; what sticks out of the box counts most."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    return sum(_overlap(box, other) for other in taken) + 10 * (area - _overlap(box, within))


def _overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)
