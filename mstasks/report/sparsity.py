"""What sparsity did to the network: shares, structure, the way there, and what its channels are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mstasks.report.course import course_figures
from mstasks.report.markup import Html, element
from mstasks.report.page import Section, facts, figures
from mstasks.report.source import Source
from mstasks.report.structure import serves_figure, structure_figure
from mstasks.report.wording import percent
from mstasks.sparsity.record import read_record


def sparsity(source: Source) -> Section:
    """Empty for a run that was not made sparse."""
    section = Section("Sparsity")
    numbers = source.summary.get("sparsity")
    if numbers:
        section.add(_facts(numbers))
    for name, run in source.networks():
        record = read_record(run)
        course = course_figures(run, record)
        layers = [] if record is None else [structure_figure(record), serves_figure(record, source.tasks)]
        section.add(
            element("h3", name) if name and (course or layers) else Html(),
            figures(*course) if course else Html(),
            figures(*layers, halves=True) if any(layers) else Html(),
        )
    return section


def _facts(numbers: Mapping[str, Any]) -> Html:
    shown = {
        "zero groups": percent(numbers["zero_groups"]),
        "removable parameters": percent(numbers["removable_parameters"]),
        "MACs left, whole network": percent(numbers["network_macs_compact"] / numbers["network_macs_dense"]),
        "parameters left, whole network": percent(
            numbers["network_parameters_compact"] / numbers["network_parameters_dense"]
        ),
    }
    for what, target in (numbers.get("target") or {}).items():
        shown[f"target of {what}: {percent(target, 0)}"] = percent((numbers.get("reached") or {}).get(what))
    return facts(shown)
