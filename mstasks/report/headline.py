"""The top of a report: what the run is, and the few numbers that matter most."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mstasks.report.markup import Html, element, joined
from mstasks.report.page import facts, paragraph
from mstasks.report.source import Source
from mstasks.report.wording import DOWN, UP, count, duration, listed, number, percent


def lead(source: Source) -> Html:
    """A sentence on what the run is, and tags."""
    tags = (element("span", text, class_="tag") for text in _tags(source))
    return joined([paragraph(_sentence(source)), element("p", *tags)])


def key_numbers(source: Source) -> Html:
    """Primary metrics, MACs and time, in large type; empty while the run is not complete."""
    if not source.summary:
        return Html()
    tiles: dict[str, str] = {}
    for name, task in source.summary["tasks"].items():
        arrow = UP if task["higher_is_better"] else DOWN
        value = (task.get("test") or {}).get(task["primary"])
        tiles[f"{name}: {task['primary']} {arrow}"] = _tile(number(value), f"constant {number(_constant(task))}")
    sparsity = source.summary.get("sparsity")
    if sparsity:
        share = sparsity["macs_compact"] / sparsity["macs_dense"]
        scope = "shared part" if sparsity["scope"] == "shared" else sparsity["scope"]
        tiles[f"MACs left, {scope}"] = _tile(percent(share), f"of {count(sparsity['macs_dense'])}")
    if "seconds" in source.summary:
        tiles["time"] = duration(source.summary["seconds"])
    return facts(tiles)


def kind(source: Source) -> str:
    """What the run is: trained, made compact, adapted, or not complete."""
    if not source.summary:
        return "not complete yet"
    parent = source.parent
    if parent is None:
        return "trained"
    adapted = source.summary.get("adapt")
    if adapted:
        return f"{named(parent)} adapted to {adapted['task']} with {adapted['shots']} images"
    return f"{named(parent)} made compact"


def named(run: Path) -> str:
    """A run as a page speaks of it: ``rooms/001``."""
    where = run.resolve()
    return f"{where.parent.name}/{where.name}"


def _sentence(source: Source) -> str:
    data = source.recipe.get("data") or {}
    height, width = (data.get("size") or ("?", "?"))[:2]
    model = (source.recipe.get("backbone") or {}).get("model", "?")
    named = f"{listed(list(source.tasks))} on {data.get('dataset', '?')} at {height}×{width}, with {model}"
    return f"{named[:1].upper()}{named[1:]}."


def _tags(source: Source) -> Iterator[str]:
    yield kind(source)
    yield str(source.recipe.get("method", "multi-task"))
    strength = (source.recipe.get("sparsity") or {}).get("strength")
    if strength:
        yield f"strength: {strength if isinstance(strength, str) else strength.get('name')}"
    if source.summary.get("steps"):
        yield f"{source.summary['steps']} steps"
    yield f"seed {source.recipe.get('seed', 0)}"
    yield f"run {source.run.path.resolve().name}"
    yield f"{source.written:%Y-%m-%d}"


def _tile(value: str, beside: str) -> Html:
    return joined([value, element("small", beside)])


def _constant(task: dict[str, dict[str, float]]) -> float | None:
    return (task.get("constant") or {}).get(str(task["primary"]))
