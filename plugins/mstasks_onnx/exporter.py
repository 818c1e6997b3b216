"""The ONNX exporter: torch's own translation of the traced network, run again by onnxruntime."""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mstasks import Exporter, ExportError, ExportModel, Runner

METADATA = "mstasks"
"""Key of the metadata among the model's properties; the value is JSON."""

_LIBRARIES = ("onnx", "onnxscript", "onnxruntime")
_AXES = {0: "batch", 2: "height", 3: "width"}


class OnnxExporter(Exporter):
    """An ``.onnx`` file with the weights inside: input `image`, an output a task, dynamic batch, height and width.

    Raises:
        ExportError: If a library is not installed.
    """

    suffix = ".onnx"

    def __init__(self) -> None:
        missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
        if missing:
            raise ExportError(f"exporting to ONNX needs {' and '.join(missing)}: pip install 'mstasks[onnx]'")

    def write(self, model: ExportModel, file: Path) -> None:
        """Translate the program and save it.

        Raises:
            ExportError: If the weights are more than one file can hold.
        """
        onnx: Any = importlib.import_module("onnx")
        with _quiet():
            program: Any = torch.onnx.export(
                model.program,
                input_names=["image"],
                output_names=list(model.outputs),
                dynamic_shapes=(_AXES,),
                dynamo=True,
                verbose=False,
            )
            proto = program.model_proto
        for node in proto.graph.node:
            del node.metadata_props[:]  # where in mstasks' source it came from
        onnx.helper.set_model_props(proto, {METADATA: json.dumps(model.metadata)})
        try:
            content = proto.SerializeToString()
        except Exception as error:  # protobuf's own type
            raise ExportError("a single ONNX file holds at most 2 GiB, and the weights are more.") from error
        file.write_bytes(content)

    def load(self, file: Path) -> Runner:
        """Run the file by onnxruntime on the CPU, with as many threads as torch has."""
        runtime: Any = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # Else its workers keep a core busy after each pass, which whatever runs next has to share.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]

        def run(image: Tensor) -> Mapping[str, Tensor]:
            outputs = session.run(names, {"image": image.numpy()})
            return {name: torch.from_numpy(output) for name, output in zip(names, outputs, strict=True)}

        return run


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks about its own innards."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
