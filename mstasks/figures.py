"""Pictures of a run: predictions beside labels, and curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mstasks.bound import BoundTask
from mstasks.data.batch import Batch
from mstasks.evaluate import network_outputs
from mstasks.network import Network
from mstasks.runfolder import RunFolder
from mstasks.train.losses import resize_prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from mstasks.experiment import Experiment

VOID = 64
"""Grey level of pixels without a label."""


@torch.no_grad()
def draw_predictions(experiment: Experiment, network: Network, folder: Path) -> None:
    """One PNG a task: the first test images, each with its label and the prediction."""
    count = experiment.recipe.run.pictures
    if not count:
        return
    folder.mkdir(exist_ok=True)
    batch = next(iter(experiment.batches("test", experiment.ids("test")[:count])))
    network.eval()
    outputs = network_outputs(network, batch.images, experiment.device, experiment.recipe.optim.precision)
    for name, bound in experiment.tasks.items():
        _draw_task(bound, batch, outputs[name].cpu(), folder / f"{name}.png")


def _draw_task(bound: BoundTask, batch: Batch, output: Tensor, path: Path) -> None:
    labels = bound.labels(batch.targets)
    decoded = bound.task.decode(resize_prediction(output, labels))
    rows = []
    for index in range(len(batch)):
        image = batch.images[index].permute(1, 2, 0).numpy()
        label = _void(bound.task.picture(labels.value[index]).numpy(), labels.valid[index])
        rows.append([image, label, bound.task.picture(decoded[index]).numpy()])
    _grid(rows, ["image", f"{bound.name}: label", f"{bound.name}: prediction"], path)


def _void(picture: NDArray[np.uint8], valid: Tensor) -> NDArray[np.uint8]:
    mask = valid.numpy()
    if valid.dim() == 3:
        mask = mask[0]
    if mask.shape != picture.shape[:2]:
        return picture
    return np.where(mask[..., None], picture, np.uint8(VOID))


def _grid(rows: list[list[NDArray[np.uint8]]], titles: list[str], path: Path) -> None:
    from matplotlib.figure import Figure

    height, width = rows[0][0].shape[:2]
    columns = len(titles)
    figure = Figure(figsize=(2.4 * columns, 2.4 * len(rows) * height / width + 0.35), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for row, pictures in zip(axes, rows, strict=True):
        for axis, picture in zip(row, pictures, strict=True):
            axis.imshow(picture, interpolation="nearest")
            axis.axis("off")
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    figure.savefig(path, dpi=120)


def draw_curves(run: RunFolder) -> None:
    """curves.png: each task's train loss, and validation scores, against steps."""
    from matplotlib.figure import Figure

    rows = list(run.rows())
    train = [row for row in rows if row.get("split") == "train"]
    validation = [row for row in rows if row.get("split") == "val"]
    if not train or not validation:
        return
    names = list(train[0]["loss"])
    figure = Figure(figsize=(3.2 * (len(names) + 1), 2.8), layout="constrained")
    axes = figure.subplots(1, len(names) + 1)
    for axis, name in zip(axes, names, strict=False):
        _curve(axis, train, lambda row, name=name: row["loss"].get(name), f"{name}: train loss")
    _curve(axes[-1], validation, lambda row: row["score"], "validation: gap closed", marker="o")
    figure.savefig(run.path / "curves.png", dpi=120)


def _curve(axis: Axes, rows: list[dict[str, Any]], value: Any, title: str, marker: str = "") -> None:
    points = [(row["step"], value(row)) for row in rows if value(row) is not None]
    if points:
        axis.plot(*zip(*points, strict=True), marker=marker, markersize=3, linewidth=1.2)
    axis.set_title(title, fontsize=9)
    axis.set_xlabel("step", fontsize=8)
    axis.tick_params(labelsize=7)
    axis.grid(alpha=0.3)
