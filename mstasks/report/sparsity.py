"""What sparsity did to the network: shares, structure, the way there, and what its channels are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mstasks.report.course import course_figures
from mstasks.report.headline import named
from mstasks.report.markup import Html, element
from mstasks.report.page import Section, facts, figures, paragraph
from mstasks.report.source import Source
from mstasks.report.structure import serves_figure, structure_figure
from mstasks.report.wording import percent
from mstasks.runfolder import RunFolder
from mstasks.sparsity.record import SparsityRecord, read_record

_BORROWED = (
    "The layers are as {} recorded them, the run that this one was made from; what channels serve was measured there, "
    "with the tasks that it has."
)


def sparsity(source: Source) -> Section:
    """Empty for a run that was not made sparse."""
    section = Section("Sparsity")
    numbers = source.summary.get("sparsity")
    if numbers:
        section.add(_facts(numbers))
    for name, run in source.networks():
        record, whose = _record(run, source)
        course = course_figures(run, record)
        layers = [] if record is None else [structure_figure(record), serves_figure(record, _colours(source, record))]
        section.add(
            element("h3", name) if name and (course or layers) else Html(),
            figures(*course) if course else Html(),
            figures(*layers, halves=True) if any(layers) else Html(),
            paragraph(_BORROWED.format(whose), note=True) if whose and any(layers) else Html(),
        )
    return section


def _record(run: RunFolder, source: Source) -> tuple[SparsityRecord | None, str]:
    """The record of one network of a run and, if that is of a run that it was made from, the name of that one."""
    if run.path != source.run.path:
        return read_record(run), ""
    for ancestor in source.lineage():
        record = read_record(ancestor.run)
        if record is not None:
            return record, "" if ancestor is source else named(ancestor.run.path)
    return None, ""


def _colours(source: Source, record: SparsityRecord) -> dict[str, int]:
    """Colours of tasks, those that the record's run had and this one has not among them."""
    served = (task for space in record.spaces for task in space.serves or ())
    return {name: number for number, name in enumerate(dict.fromkeys([*source.tasks, *served]))}


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
