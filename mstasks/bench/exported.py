"""Exported networks: the files in a run's ``export`` folder, as arms beside the networks that they were made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from mstasks.bench.arms import Arm, predictions
from mstasks.errors import MstasksError
from mstasks.export import build_exporter
from mstasks.exporter import Exporter
from mstasks.runfolder import RunFolder

if TYPE_CHECKING:
    from mstasks.plugins import Registry


@dataclass(frozen=True, slots=True)
class ExportedArms:
    """What was found.

    Attributes:
        arms: By file, an arm whose backend is the exporter. Its predictions are decoded, at the size of the image.
        left_out: What cannot run here, and why, a sentence each.
    """

    arms: Mapping[Path, Arm]
    left_out: tuple[str, ...]


def exported_arms(run: RunFolder, registry: Registry, images: Tensor) -> ExportedArms:
    """An arm for each exported file of a run, read by the exporter whose suffix it has, on the CPU.

    Args:
        run: The run.
        registry: Of the run's recipe.
        images: What each arm is tried on: float32 in [0, 1], shape (batch, 3, height, width).
    """
    files = sorted(path for path in (run.path / "export").glob("*") if not path.name.startswith("."))
    if not files:
        formats = "|".join(registry.names("exporter"))
        return ExportedArms({}, (f"exported: no file yet; `mstasks export {run.path} --format {formats}` writes one.",))
    exporters, broken = _exporters(registry)
    arms: dict[Path, Arm] = {}
    left_out = []
    for file in files:
        try:
            name = next(name for name, exporter in exporters.items() if file.name.endswith(exporter.suffix))
            backend = name if images.device.type == "cpu" else f"{name} (cpu)"
            arm = _arm(file, backend, exporters[name])
            predictions(arm.forward, images)
        except StopIteration:
            left_out.append(f"exported: no exporter reads {file.name} here. {' '.join(broken)}".rstrip())
        except Exception as error:  # anything can be in a file, and each runtime has errors of its own
            left_out.append(f"exported: {file.name} cannot run here: {f'{error} '.splitlines()[0]}".rstrip())
        else:
            arms[file] = arm
    return ExportedArms(arms, tuple(left_out))


def _arm(file: Path, backend: str, exporter: Exporter) -> Arm:
    run = exporter.load(file)
    return Arm("exported", backend, lambda images: run(images.cpu()))


def _exporters(registry: Registry) -> tuple[dict[str, Exporter], list[str]]:
    """Exporters by name, and why others cannot be used here."""
    found, broken = {}, []
    for spec in registry.specs("exporter"):
        try:
            found[spec.name] = build_exporter(registry, spec.name)
        except MstasksError as error:
            broken.append(str(error))
    return found, broken
