"""sparsity.png: the network as a silhouette, with what is left of it inside."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mstasks.sparsity.layout import Place, places, rows, stages
from mstasks.sparsity.record import ALIVE, REMOVED, STAYS, SpaceRecord, SparsityRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {ALIVE: "#1f4e79", STAYS: "#e69f00", REMOVED: "#d5e0ea"}
_NAMES = {ALIVE: "alive", STAYS: "zero, but not removable", REMOVED: "removed"}
_FIXED, _FIXED_NAME = "#a8a8a8", "cannot be removed"
_INCHES, _ROW_INCHES, _LONGEST_ROW = 0.21, 3.0, 62


def draw_structure(record: SparsityRecord, path: Path) -> bool:
    """Save the picture.

    A bar is a space in the order of the network; its height goes with the square root of its channels, and the parts of
    a bar are to scale. The numbers above it say how many are alive, and of how many.

    Returns:
        Whether there was something to draw.
    """
    if not record.spaces:
        return False
    from matplotlib.figure import Figure

    order = places(record)
    cut, shaded = rows(order, _LONGEST_ROW), {stage for stage, *_ in stages(order)[::2]}
    longest = max(len(row) for row in cut)
    tallest = max(math.sqrt(place.layer.size) for row in cut for place in row)
    width = max(5.0, _INCHES * longest + 0.4)
    figure = Figure(figsize=(width, _ROW_INCHES * len(cut) + 0.6), layout="constrained")
    axes = figure.subplots(len(cut), 1, squeeze=False)[:, 0]
    for axis, row in zip(axes, cut, strict=True):
        _draw_row(axis, row, shaded, longest, tallest)
    figure.suptitle(_title(record), fontsize=9)
    _legend(figure, record)
    figure.savefig(path, dpi=150)
    return True


def _title(record: SparsityRecord) -> str:
    size, alive = (sum(getattr(space, key) for space in record.spaces) for key in ("size", "alive"))
    what = "channels" if record.groups == "channel" else f"{record.groups} groups"
    return f"{alive} of {size} {what} are alive ({100 * alive / size:.0f} %)"


def _draw_row(axis: Axes, row: Sequence[Place], shaded: Collection[str], longest: int, tallest: float) -> None:
    for stage, start, end in stages(row):
        if stage in shaded:
            axis.axvspan(start - 0.5, end - 0.5, color="#f5f5f2", zorder=0)
    for index, place in enumerate(row):
        _draw_bar(axis, index, place, tallest)
    axis.set_xlim(-0.5, longest - 0.5)
    axis.set_ylim(-tallest / 2 * 1.04, tallest / 2 * 1.3)
    axis.set_xticks(range(len(row)), [place.label for place in row], rotation=90, fontsize=6)
    axis.set_yticks([])
    axis.tick_params(length=0, pad=1)
    for side in axis.spines.values():
        side.set_visible(False)


def _draw_bar(axis: Axes, x: int, place: Place, tallest: float) -> None:
    layer = place.layer
    height = math.sqrt(layer.size)
    if isinstance(layer, SpaceRecord):
        # From the outside in: each part covers the middle of the one before.
        counts = {state: layer.groups.count(state) for state in (REMOVED, STAYS, ALIVE)}
        inside = layer.size
        for state, count in counts.items():
            _centred(axis, x, height * inside / layer.size, _COLOURS[state] if count else None)
            inside -= count
        alive = layer.alive
    else:
        _centred(axis, x, height, _FIXED)
        alive = layer.size
    top = height / 2 + tallest * 0.012
    axis.text(x, top, f"{layer.size}", ha="center", va="bottom", fontsize=4.6, color="0.55")
    axis.text(x, top + tallest * 0.042, f"{alive}", ha="center", va="bottom", fontsize=5.4, color=_COLOURS[ALIVE])


def _centred(axis: Axes, x: int, height: float, colour: str | None) -> None:
    if colour is not None:
        axis.bar(x, height, bottom=-height / 2, width=0.74, color=colour, linewidth=0, zorder=2)


def _legend(figure: Figure, record: SparsityRecord) -> None:
    from matplotlib.patches import Patch

    seen = {state for space in record.spaces for state in space.groups} | {ALIVE, REMOVED}
    handles = [Patch(color=_COLOURS[state], label=name) for state, name in _NAMES.items() if state in seen]
    if record.excluded:
        handles.append(Patch(color=_FIXED, label=_FIXED_NAME))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=7, frameon=False)
