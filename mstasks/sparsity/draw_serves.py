"""serves.png: which task each channel that is left serves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mstasks.sparsity.layout import places, rows
from mstasks.sparsity.record import ALIVE, SpaceRecord, SparsityRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#7f7f7f")
"""Okabe and Ito's colours, which people with any common colour vision can tell apart."""
_TITLE = "Which task each channel that is left serves\n(a column is a channel, its main task at the base)"
_STRIP_INCHES, _LONGEST_COLUMN, _PIXELS, _WIDTH = 0.2, 44, 60, 1600


def draw_serves(record: SparsityRecord, path: Path) -> bool:
    """Save the picture.

    A strip is a space, a thin column in it a channel that is left. The column is divided among the tasks as the
    channel's saliency is, each task's normalised over the whole network, with the task that it serves most at the base.
    Channels are sorted by that task, and from specialists to all-rounders.

    Returns:
        Whether anything was measured.
    """
    shown = _measured(record)
    if not shown:
        return False
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    tasks = list(shown[0][1].serves or ())
    cut = rows(shown, _LONGEST_COLUMN)
    longest = max(len(column) for column in cut)
    figure = Figure(figsize=(5.2 * len(cut), _STRIP_INCHES * longest + 0.9), layout="constrained")
    axes = figure.subplots(1, len(cut), squeeze=False)[0]
    for axis, column in zip(axes, cut, strict=True):
        _draw_column(axis, column, longest)
    figure.suptitle(_TITLE, fontsize=8)
    handles = [Patch(color=_colour(index), label=task) for index, task in enumerate(tasks)]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(tasks), fontsize=8, frameon=False)
    figure.savefig(path, dpi=150)
    return True


def shares(space: SpaceRecord) -> Array:
    """How each alive channel's saliency is divided among the tasks, shape (tasks, channels), columns sum to 1.

    Channels come sorted by dominant task, in the order of tasks, and for each task from the largest share to the
    smallest. Channels without any saliency are left out.
    """
    assert space.serves is not None
    alive = [index for index, state in enumerate(space.groups) if state == ALIVE]
    values = np.array([[row[index] for index in alive] for row in space.serves.values()], dtype=np.float64)
    values = values[:, values.sum(axis=0) > 0]
    parts = values / values.sum(axis=0)
    dominant = parts.argmax(axis=0)
    order = np.lexsort((-parts.max(axis=0, initial=0), dominant))
    return np.asarray(parts[:, order])


def _measured(record: SparsityRecord) -> list[tuple[str, SpaceRecord]]:
    """Label and record of the spaces with something to show."""
    layers = [(place.label, place.layer) for place in places(record, excluded=False)]
    return [
        (label, layer)
        for label, layer in layers
        if isinstance(layer, SpaceRecord) and layer.serves is not None and shares(layer).size
    ]


def _draw_column(axis: Axes, column: Sequence[tuple[str, SpaceRecord]], longest: int) -> None:
    for index, (_, space) in enumerate(column):
        strip = _strip(shares(space))
        axis.imshow(strip, extent=(0, 1, index + 0.42, index - 0.42), aspect="auto", interpolation="antialiased")
        axis.text(1.012, index, f"{space.alive} of {space.size}", va="center", fontsize=5.6, color="0.4")
    axis.set_xlim(0, 1)
    axis.set_ylim(longest - 0.4, -0.6)
    axis.set_yticks(range(len(column)), [label for label, _ in column], fontsize=6)
    axis.set_xticks([])
    axis.tick_params(length=0, pad=3)
    for side in axis.spines.values():
        side.set_visible(False)


def _strip(parts: Array) -> Array:
    """Pixels of a strip, shape (height, width, 3), from shares of shape (tasks, channels), the largest at the base."""
    from matplotlib.colors import to_rgb

    order = np.argsort(np.arange(len(parts))[:, None] != parts.argmax(axis=0), axis=0, kind="stable")
    edges = np.take_along_axis(parts, order, axis=0).cumsum(axis=0)
    heights = 1 - (np.arange(_PIXELS) + 0.5) / _PIXELS
    level = (heights[:, None, None] > edges[None]).sum(axis=1).clip(max=len(parts) - 1)
    task = np.take_along_axis(order, level, axis=0)
    colours = np.array([to_rgb(_colour(index)) for index in range(len(parts))])
    # Wider than drawn, so that the picture is only ever scaled down: edges stay sharp and no channel is skipped.
    return np.asarray(colours[task].repeat(-(-_WIDTH // parts.shape[1]), axis=1))


def _colour(index: int) -> str:
    return PALETTE[index % len(PALETTE)]
