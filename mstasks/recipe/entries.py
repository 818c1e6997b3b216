"""The open sections of a recipe: which of their keys are options of a plugin, and whether that plugin takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mstasks.errors import PluginError
from mstasks.options import Options
from mstasks.plugins import Registry, SpecKind
from mstasks.recipe.core_keys import ADAPTATION, ENTRIES, OPTIONS, STRENGTH, UPDATE, WEIGHTING, section
from mstasks.recipe.errors import Problems
from mstasks.recipe.lookup import NOUNS, find_spec
from mstasks.recipe.methods import reads
from mstasks.recipe.model import Adapt, Meta, Recipe, Sparsity
from mstasks.recipe.tree import (
    Entry,
    Node,
    TreePath,
    at,
    dotted,
    is_mapping,
    key_place,
    mapping,
    only,
    text,
    value_place,
    with_child,
    without,
)
from mstasks.recipe.validate import Part, validate
from mstasks.recipe.wording import closest, listing, quote
from mstasks.specs import Spec

_DEFAULTS: dict[SpecKind, str] = {
    "loss-weighting": Recipe.model_fields["loss_weighting"].default.name,
    "strength": Sparsity.model_fields["strength"].default.name,
    "update": Meta.model_fields["update"].default.name,
    "adaptation": Adapt.model_fields["strategy"].default.name,
}


@dataclass(frozen=True, slots=True)
class Plugged:
    """An open section whose plugin was found and whose options are valid."""

    spec: Spec
    options: Options | None


def core_only(root: Node) -> Node:
    """What `Recipe` validates: no plugin's options, and `task` and `target` of each task filled in."""
    for path, _ in _sections(root):
        node = at(root, path)
        names = section(path)
        if node is None or names is None:
            continue
        kept = only(node, names[1])
        if path[0] in ENTRIES and is_mapping(kept):
            for key in ("task", "target"):
                if key not in mapping(kept):
                    kept = with_child(kept, key, Node(node.place, str(path[-1])))
        root = _with(root, path, kept)
    return root


def plug_in(root: Node, registry: Registry, folder: Path, problems: Problems) -> Mapping[TreePath, Plugged]:
    """Find the plugin of each open section and validate its options.

    Args:
        root: The recipe.
        registry: What plugins offer.
        folder: The recipe's folder.
        problems: Gets unknown and broken plugins, and wrong options.

    Returns:
        By path, the sections without an error.
    """
    found = {}
    for path, kind in _sections(root):
        plugged = _plug_in(root, path, kind, registry, folder, problems)
        if plugged is not None:
            found[path] = plugged
    return found


def _sections(root: Node) -> Iterator[tuple[TreePath, SpecKind]]:
    yield ("data",), "dataset"
    for holder in ENTRIES:
        for name in mapping(at(root, (holder,))):
            yield (holder, name), "task"
    yield WEIGHTING, "loss-weighting"
    adapt = at(root, ADAPTATION[:1])
    if adapt is None or is_mapping(adapt):
        yield ADAPTATION, "adaptation"
    if is_mapping(at(root, STRENGTH[:1])):
        yield STRENGTH, "strength"
    meta = at(root, UPDATE[:1])
    if is_mapping(meta) or (reads(root, "meta") and (meta is None or meta.value is None)):
        yield UPDATE, "update"  # even if nobody wrote it: these methods cannot do without


def _plug_in(
    root: Node, path: TreePath, kind: SpecKind, registry: Registry, folder: Path, problems: Problems
) -> Plugged | None:
    node, names = at(root, path), section(path)
    if node is None and kind in _DEFAULTS:
        node = Node(root.place, {"name": Entry(root.place, Node(root.place, _DEFAULTS[kind]))})
    if node is None or names is None or not is_mapping(node):
        return None  # missing, or refused as not a mapping
    key, core = names
    extra = without(node, core)
    name = text(at(node, (key,))) if key in mapping(node) else str(path[-1]) if kind == "task" else None
    where = value_place(root, (*path, key)) if key in mapping(node) else key_place(root, path)
    spec = None if name is None else find_spec(registry, kind, name, Node(where, name), problems)
    if spec is None:
        _likely_typos(root, path, extra, core, problems)
        return None
    try:
        model = registry.options_model(spec)
    except PluginError as error:
        problems.add(where, f"{NOUNS[kind][0]} {quote(spec.name)} cannot be used", str(error).rstrip("."))
        return None
    clash = sorted((core | {OPTIONS}) & set(model.model_fields)) if model else []
    if clash:
        shown = f"{NOUNS[kind][0]} {quote(spec.name)} cannot be used"
        problems.add(where, shown, f"its options redeclare {listing(clash)}, which every recipe has; rename them there")
        return None
    subject = f"{dotted(path)} ({NOUNS[kind][0]} {spec.name})"
    part = Part(root, extra, path, beside=_in_order(core, key), subject=subject)
    before = Problems()
    options = validate(model or Options, part, folder, before)
    problems.include(before)
    return None if before else Plugged(spec, options if model else None)


def _likely_typos(root: Node, path: TreePath, extra: Node, core: frozenset[str], problems: Problems) -> None:
    """Without a plugin its options are unknown; a key that is nearly one of the core's is wrong all the same."""
    for key in mapping(extra):
        near = closest(key, core, cutoff=0.8)
        if near is not None:
            found = f"unknown key {quote(key)} in {dotted(path)}"
            problems.add(
                key_place(root, (*path, key)), found, f"allowed: {listing(sorted(core))}", f"did you mean '{near}'?"
            )


def _in_order(core: frozenset[str], first: str) -> list[str]:
    return [first, *sorted(core - {first})]


def _with(root: Node, path: TreePath, node: Node) -> Node:
    if len(path) == 1:
        return with_child(root, path[0], node)
    parent = at(root, path[:-1])
    assert parent is not None
    return _with(root, path[:-1], with_child(parent, path[-1], node))
