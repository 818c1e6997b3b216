"""What an exported file says about itself."""

from __future__ import annotations

import hashlib
from typing import Any

from mstasks import __version__
from mstasks.bound import BoundTask
from mstasks.experiment import Experiment
from mstasks.exporter import INPUT
from mstasks.runfolder import RunFolder
from mstasks.targets import TargetKind

UNITS = {
    TargetKind.LABEL_MAP: "score per class, the largest wins",
    TargetKind.DEPTH_MAP: "metres",
    TargetKind.VECTOR_MAP: "unit vector, camera frame: x right, y down, z forward",
    TargetKind.SCALAR_MAP: "0 to 1",
    TargetKind.ATTRIBUTES: "probability",
}
"""What a decoded prediction of each kind is in."""


def describe(experiment: Experiment, run: RunFolder) -> dict[str, Any]:
    """Plain data for JSON: where the file comes from, its input, and by task its output.

    Returns:
        ``{"mstasks": version, "run": "rooms/001", "recipe": name, "recipe_sha256": of resolved.yaml, "backbone": model,
        "input": {...}, "tasks": {name: {"kind", "shape", "unit", and "names" of classes or attributes}}}``.
    """
    recipe = experiment.recipe
    return {
        "mstasks": __version__,
        "run": run_name(run),
        "recipe": recipe.name,
        "recipe_sha256": hashlib.sha256(run.recipe.read_bytes()).hexdigest(),
        "backbone": recipe.backbone.model,
        "input": {
            "name": INPUT,
            "shape": ["batch", 3, "height", "width"],
            "type": "float32",
            "colours": "RGB",
            "range": [0, 1],
            "trained_size": list(recipe.data.size),
        },
        "tasks": {name: _task(bound) for name, bound in experiment.tasks.items()},
    }


def run_name(run: RunFolder) -> str:
    """The run's place below the root of all runs: ``rooms/001``, or ``rooms/001/tasks/depth``."""
    parts = run.path.resolve().parts
    return "/".join(parts[-4:] if parts[-2] == "tasks" else parts[-2:])


def _task(bound: BoundTask) -> dict[str, Any]:
    task = bound.task
    shape = ["batch", task.channels, *(["height", "width"] if task.kind.dense else [])]
    described: dict[str, Any] = {"kind": str(task.kind), "shape": shape, "unit": UNITS[task.kind]}
    return described | ({"names": list(task.info.names)} if task.info.names else {})
