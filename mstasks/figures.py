"""Pictures of a run: test images with labels and predictions, and curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.network import Network
from mstasks.predictors import network_outputs
from mstasks.runfolder import RunFolder
from mstasks.train.losses import resize_prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mstasks.experiment import Experiment

VOID = 64
"""Grey level of pixels without a label."""
CELL_INCHES = 2.0
"""Width of a cell of a figure."""
_DPI = 110


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a figure.

    Attributes:
        title: Stands above it.
        draw: Draws the cell of one row into the axes.
    """

    title: str
    draw: Callable[[Axes, int], None]


@torch.no_grad()
def draw_predictions(experiment: Experiment, network: Network, folder: Path) -> None:
    """Draw the first test images: ``<task>.png`` with a task's labels and predictions, ``overview.png`` with all."""
    count = experiment.recipe.run.pictures
    if not count:
        return
    folder.mkdir(exist_ok=True)
    ids = experiment.ids("test")[:count]
    batches = list(experiment.batches("test", ids))
    network.eval()
    precision = experiment.recipe.optim.precision
    images: list[NDArray[np.uint8]] = []
    rows: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {name: [] for name in experiment.tasks}
    for batch in batches:
        images.extend(batch.images.permute(0, 2, 3, 1).numpy())
        outputs = network_outputs(network, batch.images, experiment.device, precision)
        for name, bound in experiment.tasks.items():
            rows[name].extend(_rows(bound, batch, outputs[name].cpu()))
    aspect = images[0].shape[0] / images[0].shape[1]
    shown = Column("image", lambda axis, row: picture(axis, images[row]))
    columns = {name: _task_columns(bound, rows[name]) for name, bound in experiment.tasks.items()}
    for name, own in columns.items():
        draw_grid([shown, *own], len(images), folder / f"{name}.png", aspect)
    everything = [shown, *(column for own in columns.values() for column in own)]
    draw_grid(everything, len(images), folder / "overview.png", aspect)


def _rows(bound: BoundTask, batch: Batch, output: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Label, validity and decoded prediction of each example."""
    labels = bound.labels(batch.targets)
    decoded = bound.task.decode(resize_prediction(output, labels))
    return list(zip(labels.value, labels.valid, decoded, strict=True))


def _task_columns(bound: BoundTask, rows: Sequence[tuple[Tensor, Tensor, Tensor]]) -> list[Column]:
    """Label and prediction side by side; attributes as one column of bars with the labels marked."""
    task = bound.task
    if not task.kind.dense:
        names = task.info.names
        return [Column(bound.name, lambda axis, row: bars(axis, names, rows[row][2], rows[row][:2]))]

    def label(axis: Axes, row: int) -> None:
        value, valid, _ = rows[row]
        mask = valid.numpy().reshape(valid.shape[-2:])
        picture(axis, np.where(mask[..., None], task.picture(value).numpy(), np.uint8(VOID)))

    def prediction(axis: Axes, row: int) -> None:
        picture(axis, task.picture(rows[row][2]).numpy())

    return [Column(f"{bound.name}: label", label), Column(f"{bound.name}: prediction", prediction)]


def picture(axis: Axes, pixels: NDArray[np.uint8]) -> None:
    """Draw RGB pixels."""
    axis.imshow(pixels, interpolation="nearest")
    axis.axis("off")


def bars(axis: Axes, names: Sequence[str], probabilities: Tensor, labels: tuple[Tensor, Tensor] | None = None) -> None:
    """Draw a bar for each attribute's probability, with a dot where its label is, if it has one.

    Args:
        axis: Where to draw.
        names: Attribute names.
        probabilities: Shape (attributes,).
        labels: Value and validity, each of shape (attributes,); None if there are none.
    """
    places = np.arange(len(names))
    axis.barh(places, probabilities.tolist(), color="#7a9cc6", height=0.7)
    if labels is not None:
        value, valid = labels
        axis.scatter(value[valid].tolist(), places[valid.numpy()], color="#b2342b", s=14, zorder=3, clip_on=False)
    axis.axvline(0.5, color="0.6", linewidth=0.7, linestyle=":")
    axis.set(xlim=(0, 1), ylim=(len(names) - 0.4, -0.6))
    axis.set_yticks(places, names, fontsize=6)
    axis.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=6)
    axis.tick_params(length=0)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def cell_height(aspect: float) -> float:
    """Inches of a cell whose pictures have this height over width."""
    return CELL_INCHES * min(max(aspect, 0.6), 2.0)  # names of attributes need some height, long images have an end


def draw_grid(columns: Sequence[Column], rows: int, path: Path, aspect: float = 1.0) -> None:
    """Save a figure of columns with so many rows; ``aspect`` is a cell's height over its width."""
    from matplotlib.figure import Figure

    height = cell_height(aspect)
    figure = Figure(figsize=(CELL_INCHES * len(columns), height * rows + 0.3), layout="constrained")
    axes = figure.subplots(rows, len(columns), squeeze=False)
    for column, cells in zip(columns, axes.T, strict=True):
        cells[0].set_title(column.title, fontsize=8)
        for row, axis in enumerate(cells):
            column.draw(axis, row)
    figure.savefig(path, dpi=_DPI)


def draw_curves(run: RunFolder) -> None:
    """curves.png: each task's train loss, and the validation score, against steps."""
    from matplotlib.figure import Figure

    rows = list(run.rows())
    # By step: a resumed run logs the steps after its checkpoint again, and the last row counts.
    train = {row["step"]: row["loss"] for row in rows if row.get("split") == "train"}
    validation = {row["step"]: row["score"] for row in rows if row.get("split") == "val"}
    names = sorted({name for losses in train.values() for name in losses})
    if not names or not validation:
        return
    figure = Figure(figsize=(3.2 * (len(names) + 1), 2.8), layout="constrained")
    axes = figure.subplots(1, len(names) + 1)
    for axis, name in zip(axes, names, strict=False):
        points = [(step, losses[name]) for step, losses in sorted(train.items()) if losses.get(name) is not None]
        _curve(axis, points, f"{name}: train loss")
    _curve(axes[-1], sorted(validation.items()), "validation: gap closed", marker="o")
    figure.savefig(run.path / "curves.png", dpi=_DPI)


def _curve(axis: Axes, points: Sequence[tuple[Any, Any]], title: str, marker: str = "") -> None:
    if points:
        axis.plot(*zip(*points, strict=True), marker=marker, markersize=3, linewidth=1.2)
    axis.set_title(title, fontsize=9)
    axis.set_xlabel("step", fontsize=8)
    axis.tick_params(labelsize=7)
    axis.grid(alpha=0.3)
