"""How a run was made: the command, the recipe, the machine and its versions."""

from __future__ import annotations

import shlex

from mstasks.report.markup import Html
from mstasks.report.page import Section, code, collapsible, paragraph, table
from mstasks.report.source import Source


def origin(source: Source) -> Section:
    """The command as it was typed, and the rest folded away."""
    section = Section("How it was made")
    command = source.environment.get("command")
    if command:
        section.add(code(shlex.join(map(str, command))))
    if "compact" in source.summary and "adapt" not in source.summary:
        # Its files are copies, which tell how its parent was made.
        section.add(paragraph("Command, recipe and machine are those of the run that was compacted.", note=True))
    asked = source.run.path / "recipe.yaml"
    if asked.is_file():
        section.add(collapsible("The recipe as it was given", code(_text(source, "recipe.yaml"))))
    section.add(collapsible("The recipe with every value", code(_text(source, "resolved.yaml"))))
    return section.add(_environment(source))


def _text(source: Source, name: str) -> str:
    return (source.run.path / name).read_text(encoding="utf-8")


def _environment(source: Source) -> Html:
    known = source.environment
    if not known:
        return Html()
    rows = [
        ("Python", str(known.get("python", "–"))),
        *((name, str(version)) for name, version in (known.get("libraries") or {}).items()),
        ("platform", str(known.get("platform", "–"))),
        ("CPUs, threads", f"{known.get('cpu_count', '–')}, {known.get('threads', '–')}"),
        ("GPUs", ", ".join(map(str, known.get("cuda_devices") or ())) or "none"),
    ]
    return collapsible("Machine and versions", table(("what", "which"), rows))
