"""The exporter of the core: a program of `torch.export`, for Python with torch alone."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch

from mstasks.exporter import Exporter, ExportModel, Runner

METADATA = "mstasks.json"
"""Name of the extra file inside that holds the metadata."""


class TorchExporter(Exporter):
    """A ``.pt2`` file: a zip of the graph in JSON, raw weights and the metadata. It holds no pickle."""

    suffix = ".pt2"

    def write(self, model: ExportModel, file: Path) -> None:
        """Save the program; its example image is left out, since torch would pickle it."""
        example = model.program.example_inputs
        model.program.example_inputs = None
        try:
            torch.export.save(model.program, file, extra_files={METADATA: json.dumps(model.metadata)})
        finally:
            model.program.example_inputs = example

    def load(self, file: Path) -> Runner:
        """Run the file by torch, without its own check of every input beforehand."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about itself
            program = torch.export.load(file).module()
        return lambda image: program(image)
