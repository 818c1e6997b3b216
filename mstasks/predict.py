"""`mstasks predict`: decoded arrays and pictures for any image."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from mstasks.bench.autotune import AutoTuner
from mstasks.bound import BoundTask
from mstasks.data.sample import Sample
from mstasks.experiment import Experiment
from mstasks.figures import Column, bars, draw_grid, picture
from mstasks.network import Network
from mstasks.picture import default_palette
from mstasks.predictors import network_outputs
from mstasks.targets import TargetKind


def fast_network(experiment: Experiment, network: Network, images: int, tuner: AutoTuner) -> Network:
    """The network on the fastest backend here, or as it is if there are too few images to find out which that is.

    Predictions stay the same to 1e-4 of their largest value. A recipe in bfloat16 predicts as it was evaluated.

    Args:
        experiment: Of the network.
        network: Left as it is, in evaluation mode.
        images: How many are to be predicted.
        tuner: Knows what it found for networks of the same shapes.
    """
    network.eval()
    if experiment.recipe.optim.precision != "float32":
        return network
    return tuner.choose(network, experiment.recipe.data.size, images).network


@torch.no_grad()
def predict_image(experiment: Experiment, network: Network, image: NDArray[np.uint8]) -> dict[str, Tensor]:
    """Decoded predictions of one image, without a batch dimension, dense ones at the image's own height and width.

    The network sees the image at the recipe's size, as in evaluation; raw predictions are resized, then decoded.
    """
    network.eval()
    small = experiment.pipeline(Sample("image", image, {}), None).image
    pixels = torch.from_numpy(np.ascontiguousarray(small.transpose(2, 0, 1)))[None]
    outputs = network_outputs(network, pixels, experiment.device, experiment.recipe.optim.precision)
    decoded = {}
    for name, bound in experiment.tasks.items():
        decoded[name] = bound.decoded(outputs[name].float().cpu(), (image.shape[0], image.shape[1]))[0]
    return decoded


def save_predictions(
    tasks: Mapping[str, BoundTask], image: NDArray[np.uint8], decoded: Mapping[str, Tensor], folder: Path
) -> None:
    """Write one image's predictions.

    Per task a picture ``<task>.png`` and, for dense tasks, the array ``<task>.npy``: class indices (H, W), metres
    (H, W), unit vectors (H, W, 3), values in [0, 1] (H, W). ``predictions.json`` says what each array holds: class
    names and colours, units, probabilities by attribute name. ``overview.png`` shows all of them.
    """
    folder.mkdir(parents=True)
    described: dict[str, Any] = {}
    columns = [Column("image", lambda axis, _: picture(axis, image))]
    for name, bound in tasks.items():
        pixels = bound.task.picture(decoded[name]).numpy()
        Image.fromarray(pixels).save(folder / f"{name}.png")
        described[name] = _describe(bound, decoded[name], folder / f"{name}.npy")
        columns.append(_column(bound, pixels, decoded[name]))
    (folder / "predictions.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    draw_grid(columns, rows=1, path=folder / "overview.png", aspect=image.shape[0] / image.shape[1])


def _column(bound: BoundTask, pixels: NDArray[np.uint8], value: Tensor) -> Column:
    if bound.task.kind.dense:
        return Column(bound.name, lambda axis, _: picture(axis, pixels))
    return Column(bound.name, lambda axis, _: bars(axis, bound.task.info.names, value))


def _describe(bound: BoundTask, value: Tensor, path: Path) -> dict[str, Any]:
    info, kind = bound.task.info, bound.task.kind
    if kind is TargetKind.ATTRIBUTES:
        shares = zip(info.names, value.tolist(), strict=True)
        return {"kind": kind, "probabilities": {name: round(share, 6) for name, share in shares}}
    described: dict[str, Any] = {"kind": kind, "array": path.name}
    if kind is TargetKind.LABEL_MAP:
        array = value.argmax(0).numpy().astype(np.uint16)
        colours = info.colours or default_palette(len(info.names))
        described["classes"] = [
            {"index": index, "name": name, "colour": list(colour)}
            for index, (name, colour) in enumerate(zip(info.names, colours, strict=True))
        ]
    else:
        array = value.numpy().astype(np.float32)
        array = array.transpose(1, 2, 0) if kind is TargetKind.VECTOR_MAP else array[0]
        described["unit"] = {TargetKind.DEPTH_MAP: "metres", TargetKind.VECTOR_MAP: "unit vector"}.get(kind, "0 to 1")
    np.save(path, array, allow_pickle=False)
    return described


def free_folders(root: Path, images: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Each image with a folder of its own under ``root`` that does not exist yet: its stem, numbered if taken."""
    for image in images:
        folder, number = root / image.stem, 2
        while folder.exists():
            folder, number = root / f"{image.stem}-{number}", number + 1
        yield image, folder
