"""The run folder: where it is made, and what lies where."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mstasks.errors import UsageError

_LIBRARIES = (
    "mstasks",
    "torch",
    "timm",
    "torchvision",
    "albumentations",
    "torchmetrics",
    "numpy",
    "safetensors",
    "pydantic",
)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of one run.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def create(cls, root: Path, name: str) -> RunFolder:
        """Make ``root/name/001``, or the next free number; never an existing folder."""
        parent = root / name
        parent.mkdir(parents=True, exist_ok=True)
        taken = [int(entry.name) for entry in parent.iterdir() if entry.name.isdigit()]
        number = max(taken, default=0) + 1
        while True:
            try:
                (parent / f"{number:03d}").mkdir()
            except FileExistsError:
                number += 1
            else:
                return cls(parent / f"{number:03d}")

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run.

        Raises:
            UsageError: If the folder is not a run.
        """
        if not (path / "resolved.yaml").is_file():
            what = "has no resolved.yaml" if path.is_dir() else "does not exist"
            raise UsageError(f"{path}: not a run folder: it {what}. `mstasks fit` prints the folder of a run first.")
        return cls(path)

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.path / "resolved.yaml"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def metrics(self) -> Path:
        """One JSON row a logged step."""
        return self.path / "metrics.jsonl"

    @property
    def summary(self) -> Path:
        """Final numbers, written last: a run that has it is complete."""
        return self.path / "summary.json"

    @property
    def predictions(self) -> Path:
        """Folder of the pictures."""
        return self.path / "predictions"

    @property
    def structure(self) -> Path:
        """How many channels a compact network has left; only runs that `mstasks compact` made have it."""
        return self.path / "structure.json"

    def children(self) -> dict[str, RunFolder]:
        """The runs of a `single-task` parent by task, empty for an ordinary run."""
        folder = self.path / "tasks"
        if not folder.is_dir():
            return {}
        return {
            entry.name: RunFolder(entry) for entry in sorted(folder.iterdir()) if (entry / "resolved.yaml").is_file()
        }

    def require_one_network(self, verb: str) -> None:
        """Refuse a `single-task` parent.

        Args:
            verb: The command that needs a run with one network.

        Raises:
            UsageError: Names a run inside that would do.
        """
        children = self.children()
        if children:
            first = next(iter(children.values())).path
            raise UsageError(
                f"{self.path}: a single-task run holds {len(children)} networks. {verb.capitalize()} one of its runs, "
                f"such as `mstasks {verb} {first}`."
            )

    def child(self, task: str) -> RunFolder:
        """The folder of one task's own run, made if it is not there."""
        path = self.path / "tasks" / task
        path.mkdir(parents=True, exist_ok=True)
        return RunFolder(path)

    def log(self, row: Mapping[str, Any]) -> None:
        """Append a row to metrics.jsonl."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(finite(row), allow_nan=False) + "\n")

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of metrics.jsonl; a last line cut short by a kill is left out."""
        if not self.metrics.is_file():
            return
        for line in self.metrics.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue

    def read_summary(self) -> dict[str, Any]:
        """The summary.

        Raises:
            UsageError: If the run is not complete.
        """
        if not self.summary.is_file():
            remedy = (
                "Make it again from the run that it was made from."
                if self.structure.is_file()
                else f"Go on with `mstasks fit --resume {self.path}`."
            )
            raise UsageError(f"{self.path}: the run is not complete. {remedy}")
        return dict(json.loads(self.summary.read_text(encoding="utf-8")))


def finite(value: Any) -> Any:
    """The same structure with NaN and infinities as None, since JSON has neither."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON as `write_text` writes text."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def write_text(path: Path, content: str) -> None:
    """Write a file so that a reader sees the old or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(content, encoding="utf-8")
    temporary.replace(path)


def environment() -> dict[str, Any]:
    """What the run ran on, for environment.json."""
    import torch

    versions = {}
    for library in _LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            versions[library] = "not installed"
    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": versions,
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cuda_devices": devices,
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }
