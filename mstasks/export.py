"""`mstasks export`: a trained network as one file that runs without mstasks, checked against the network."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from mstasks.equality import largest_difference
from mstasks.errors import MstasksError, UsageError
from mstasks.export_metadata import describe
from mstasks.exporter import Exporter, ExportError, ExportModel, Runner
from mstasks.plugins import resolve
from mstasks.recipe import load_recipe
from mstasks.runfolder import RunFolder
from mstasks.traced import DecodedNetwork, coarsest_stride, trace
from mstasks.trained import open_trained

if TYPE_CHECKING:
    from mstasks.network import Network
    from mstasks.plugins import Registry

TOLERANCE = 1e-4
"""Largest difference over largest magnitude that a file's predictions may have; other kernels leave about 1e-6."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        path: The file.
        differences: By task, the largest difference over the largest magnitude, file against network.
    """

    path: Path
    differences: Mapping[str, float]


def export_run(run: RunFolder, name: str, out: Path | None = None, *, force: bool = False) -> Exported:
    """Export the best network of a run.

    The file appears only after it has predicted what the network predicts, in several batches and sizes.

    Args:
        run: A run that holds one network; dense, sparse or compact.
        name: Of the exporter.
        out: The file; ``RUN/export/<recipe>`` with the exporter's suffix by default.
        force: Whether to replace an existing file.

    Raises:
        UsageError: If the run holds several networks, the file exists, or there is no such exporter.
        ExportError: If the network cannot be exported, or the file predicts something else.
    """
    run.require_one_network("export")
    loaded = load_recipe(run.recipe)
    exporter = build_exporter(loaded.registry, name)
    path = out or run.path / "export" / f"{loaded.recipe.name}{exporter.suffix}"
    _refuse_existing(path, force=force)
    experiment, network = open_trained(run)
    whole = DecodedNetwork(_plain(network), experiment.tasks).eval()
    model = ExportModel(trace(whole), tuple(experiment.tasks), describe(experiment, run))
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=path.parent) as folder:
        file = Path(folder) / f"{loaded.recipe.name}{exporter.suffix}"
        runner = _written(exporter, model, file, name)
        differences = _checked(whole, runner, experiment.recipe.data.size, name)
        file.replace(path)
    return Exported(path, differences)


def build_exporter(registry: Registry, name: str) -> Exporter:
    """The exporter of that name.

    Raises:
        UsageError: If there is none.
        ExportError: If it misses a library.
    """
    exporter: Exporter = resolve(registry.find("exporter", name).factory)()
    return exporter


def _plain(network: Network) -> Network:
    """The network on the CPU, in float32, its weights in the order of their dimensions, as files hold them."""
    return network.to("cpu", torch.float32, memory_format=torch.contiguous_format)  # type: ignore[call-overload,no-any-return]


def _refuse_existing(path: Path, *, force: bool) -> None:
    if path.is_dir():
        raise UsageError(f"{path}: a folder; `--out` names a file.")
    if path.exists() and not force:
        raise UsageError(f"{path}: exists already. Replace it with `--force`, or choose another file with `--out`.")


def _written(exporter: Exporter, model: ExportModel, file: Path, name: str) -> Runner:
    """Write the file and read it again; whatever a library raises on the way becomes a sentence."""
    try:
        exporter.write(model, file)
        return exporter.load(file)
    except MstasksError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        raise ExportError(f"exporter {name!r} cannot write this network: {reason}") from error


class _Run(nn.Module):
    """A file as a module."""

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self._runner = runner

    def forward(self, image: Tensor) -> Mapping[str, Tensor]:
        return self._runner(image)


def _checked(network: DecodedNetwork, runner: Runner, size: tuple[int, int], name: str) -> dict[str, float]:
    """Differences of a file's predictions, by task.

    Raises:
        ExportError: If one is above `TOLERANCE`, or the file cannot be run.
    """
    try:
        differences = largest_difference(network, _Run(runner), probes(size, coarsest_stride(network.network)))
    except Exception as error:  # a graph that does not fit some size: each runtime has its own types
        reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        raise ExportError(f"exporter {name!r}: what it wrote cannot be run: {reason}. No file was kept.") from error
    for task, value in differences.items():
        if not value <= TOLERANCE:  # NaN is refused too
            raise ExportError(
                f"exporter {name!r}: what it wrote predicts {task!r} with a difference of {value:.1e} of the largest "
                f"value to the network, and {TOLERANCE:.0e} is allowed. No file was kept."
            )
    return differences


def probes(size: tuple[int, int], stride: int) -> Iterator[Tensor]:
    """Images to compare on, blots with noise: a batch at the recipe's size, one of odd lengths, one that is small.

    Args:
        size: Height and width of the recipe's images.
        stride: The backbone's coarsest.
    """
    height, width = size
    generator = torch.Generator().manual_seed(0)
    shapes = ((2, height, width), (1, height + stride + 1, width + 2 * stride + 3), (3, 2 * stride, 2 * stride + 1))
    for batch, *shape in shapes:
        blots = torch.rand(batch, 3, 4, 4, generator=generator)
        noise = torch.rand(batch, 3, *shape, generator=generator)
        yield 0.8 * functional.interpolate(blots, size=shape, mode="bilinear", align_corners=False) + 0.2 * noise
