"""ONNX as an export format."""

from __future__ import annotations

from mstasks import ExporterSpec, hookimpl


@hookimpl
def register_exporters() -> list[ExporterSpec]:
    """Offer the exporter."""
    return [
        ExporterSpec(
            name="onnx",
            summary="One .onnx file, for onnxruntime and others.",
            factory="mstasks_onnx.exporter:OnnxExporter",
        )
    ]
