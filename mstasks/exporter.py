"""The exporter contract: writes a traced network to a file, and runs that file again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor
from torch.export import ExportedProgram

from mstasks.errors import MstasksError

Runner = Callable[[Tensor], Mapping[str, Tensor]]
"""Images in [0, 1], float32, shape (batch, 3, height, width), to decoded predictions by task, on the CPU."""

INPUT = "image"
"""Name of the only input of every exported file."""


class ExportError(MstasksError):
    """A network cannot be exported so; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class ExportModel:
    """What an exporter gets.

    Attributes:
        program: On the CPU, in float32, evaluation mode: from `INPUT`, float32 RGB in [0, 1] of shape
            (batch, 3, height, width), whose three other lengths are dynamic, to a dict of decoded predictions by task.
            Dense ones have the height and width of the image.
        outputs: Names of the tasks, in the order of the program's outputs.
        metadata: What the file should say about itself; JSON (`mstasks.export_metadata`).
    """

    program: ExportedProgram
    outputs: tuple[str, ...]
    metadata: Mapping[str, Any]


class Exporter(ABC):
    """A file format. Built without arguments; the constructor is the place to miss a library.

    The core chooses the file's place, runs what was written on images of several sizes, and keeps it only if it
    predicts what the network does.

    Attributes:
        suffix: Of the files, such as ``.onnx``.
    """

    suffix: ClassVar[str]

    @abstractmethod
    def write(self, model: ExportModel, file: Path) -> None:
        """Write one self-contained file.

        Args:
            model: The network.
            file: Does not exist; ends in `suffix`; nothing else is in its folder.
        """

    @abstractmethod
    def load(self, file: Path) -> Runner:
        """Read a file that `write` wrote, the way its users do."""
