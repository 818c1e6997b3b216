"""The plugin that a section of a recipe names, or why there is none."""

from __future__ import annotations

from mstasks.errors import PluginError
from mstasks.plugins import Registry, SpecKind, UnknownPluginError
from mstasks.recipe.errors import Problems
from mstasks.recipe.tree import Node
from mstasks.recipe.wording import did_you_mean, listing, quote
from mstasks.specs import Spec

NOUNS: dict[SpecKind, tuple[str, str, str]] = {
    "task": ("task", "tasks", "mstasks ls tasks"),
    "dataset": ("data set", "data sets", "mstasks ls datasets"),
    "loss-weighting": ("loss weighting", "loss weightings", "mstasks ls weightings"),
    "strength": ("strength", "strengths", "mstasks ls strengths"),
    "update": ("meta update", "meta updates", "mstasks ls updates"),
    "adaptation": ("adaptation", "adaptations", "mstasks ls adaptations"),
}
"""By kind: one of them, several, and the command that lists them."""


def find_spec(registry: Registry, kind: SpecKind, name: str, written: Node, problems: Problems) -> Spec | None:
    """The spec of a name; None, and a problem where the name is written, if it cannot be used."""
    noun, nouns, command = NOUNS[kind]
    try:
        return registry.find(kind, name)
    except UnknownPluginError:
        names = registry.names(kind)
        allowed = (
            f"{nouns}: {listing(names)} (`{command}`)" if names else f"there are no {nouns} (`mstasks ls plugins`)"
        )
        broken = [row.name for row in registry.plugins if row.error]
        hints = [
            did_you_mean(name, names),
            f"broken plugins: {listing(broken)}, see `mstasks doctor`" if broken else "",
        ]
        problems.add(written.place, f"unknown {noun} {quote(name)}", allowed, "; ".join(filter(None, hints)))
    except PluginError as error:
        problems.add(written.place, f"{noun} {quote(name)} cannot be used", str(error).rstrip("."))
    return None
