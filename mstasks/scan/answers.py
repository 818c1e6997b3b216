"""Attributes of one image as text in a cell: what is yes, what is no, what nobody has said."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Answer = tuple[str, bool | None]
"""Name of an attribute, and yes, no or not annotated."""

_GROUPS: tuple[tuple[str, bool | None, str], ...] = (
    ("yes", True, "#1b6e2f"),
    ("no", False, "#8c2d19"),
    ("not annotated", None, "0.55"),
)
_SIZES = (7.0, 6.0, 5.0, 4.0, 3.2)
_LINE = 1.45
"""Height of a line as a multiple of the font's size."""
_LETTER = 0.56
"""Mean width of a letter as a multiple of the font's size, a little wider than in truth."""


def draw_answers(axis: Axes, answers: Sequence[Answer], width: float, height: float) -> None:
    """Write the attributes into the axes in three blocks, as large as they fit.

    Args:
        axis: Where to write.
        answers: What is known of each attribute.
        width: Of the cell, in points.
        height: Of the cell, in points.
    """
    axis.axis("off")
    size, blocks = _fitted(answers, width, height)
    y = 1.0
    for colour, lines in blocks:
        axis.text(
            0.0,
            y,
            "\n".join(lines),
            color=colour,
            fontsize=size,
            va="top",
            linespacing=_LINE / 1.2,  # of which matplotlib makes 1.2 by itself
            transform=axis.transAxes,
            parse_math=False,
        )
        y -= (len(lines) + 0.5) * _LINE * size / height


def _fitted(answers: Sequence[Answer], width: float, height: float) -> tuple[float, list[tuple[str, list[str]]]]:
    """The largest size of `_SIZES` at which everything fits, else the smallest, with the lines of each block."""
    size, blocks = _SIZES[-1], []
    for size in _SIZES:
        blocks = _blocks(answers, max(8, int(width / (_LETTER * size))))
        if sum(len(lines) + 0.5 for _, lines in blocks) * _LINE * size <= height:
            break
    return size, blocks


def _blocks(answers: Sequence[Answer], letters: int) -> list[tuple[str, list[str]]]:
    blocks = []
    for title, wanted, colour in _GROUPS:
        names = [name for name, answer in answers if answer is wanted]
        if names:
            blocks.append((colour, wrap(f"{title}: {', '.join(names)}", letters)))
    return blocks
