"""The exporter of the core: a program of `torch.export`, for Python with torch alone."""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path

import torch

from mstasks.exporter import Exporter, ExportError, ExportModel, Runner

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
        _refuse_pickles(file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about itself
            program = torch.export.load(file).module()
        return lambda image: program(image)


def _refuse_pickles(file: Path) -> None:
    """Torch would unpickle what an archive declares as pickled, which runs whatever its author wants.

    Raises:
        ExportError: If the archive declares anything so, or holds example inputs.
    """
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            content = archive.read(entry) if entry.filename.endswith("_config.json") else b""
            declared = b'"use_pickle":true' in content.replace(b" ", b"")
            if declared or ("/sample_inputs/" in entry.filename and entry.file_size):
                name = entry.filename
                raise ExportError(f"{file}: `{name}` is pickled, and mstasks never unpickles; export the run again.")
