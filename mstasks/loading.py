"""Import plugins one by one and call their hooks; whatever one of them does, the others go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

import pluggy

from mstasks import hookspecs
from mstasks.discovery import Candidate, describe, home
from mstasks.specs import (
    AdaptationSpec,
    DatasetSpec,
    ExporterSpec,
    LossWeightingSpec,
    Spec,
    StrengthSpec,
    TaskSpec,
    UpdateSpec,
)

SpecKind = Literal["task", "dataset", "loss-weighting", "strength", "update", "adaptation", "exporter"]

NOUNS: dict[SpecKind, str] = {
    "task": "task",
    "dataset": "data set",
    "loss-weighting": "loss weighting",
    "strength": "strength",
    "update": "meta update",
    "adaptation": "adaptation",
    "exporter": "exporter",
}

_HOOKS: dict[str, tuple[SpecKind, type[Spec]]] = {
    "register_tasks": ("task", TaskSpec),
    "register_datasets": ("dataset", DatasetSpec),
    "register_loss_weightings": ("loss-weighting", LossWeightingSpec),
    "register_strengths": ("strength", StrengthSpec),
    "register_updates": ("update", UpdateSpec),
    "register_adaptations": ("adaptation", AdaptationSpec),
    "register_exporters": ("exporter", ExporterSpec),
}


@dataclass(slots=True)
class Loaded:
    """What became of one candidate.

    Attributes:
        candidate: The candidate.
        offers: What its hooks returned, up to the first fault.
        error: Why it is broken, None if it is not.
        cause: The exception behind `error`, if there was one.
    """

    candidate: Candidate
    offers: list[tuple[SpecKind, Spec]] = field(default_factory=list)
    error: str | None = None
    cause: BaseException | None = None

    def may_offer(self, kind: SpecKind, name: str) -> bool:
        """Whether it offers the name, says so by its own name, or was named by hand and says nothing."""
        if any((kind, name) == (other, spec.name) for other, spec in self.offers):
            return True
        candidate = self.candidate
        own = {candidate.name, candidate.module, candidate.module.removeprefix("mstasks_")}
        return name in own or (candidate.distribution is None and not self.offers)


def load_all(candidates: Sequence[Candidate]) -> list[Loaded]:
    """Load each candidate; one whose module is loaded already is left out."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return [loaded for candidate in candidates if (loaded := _load(manager, candidate)) is not None]


def _load(manager: pluggy.PluginManager, candidate: Candidate) -> Loaded | None:
    """Load one plugin; None if the same module is there already."""
    loaded, name = Loaded(candidate), f"{candidate.origin} {candidate.distribution}"
    try:
        plugin = candidate.load()
        if any(plugin is other for _, other in manager.list_name_plugin()):
            return None
        manager.register(plugin, name=name)
        loaded.error = _hook_problem(manager, plugin) or _collect(manager, plugin, loaded.offers)
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        loaded.error, loaded.cause = describe(error, home(candidate)), error
    if loaded.error is not None and manager.has_plugin(name):
        manager.unregister(name=name)
    return loaded


def _hook_problem(manager: pluggy.PluginManager, plugin: object) -> str | None:
    """Why the hooks of a plugin are not what mstasks calls; None if they are."""
    try:
        manager.check_pending()
    except pluggy.PluginValidationError:
        unknown = sorted(hook.name for hook in manager.get_hookcallers(plugin) or [] if hook.name not in _HOOKS)
        close = get_close_matches(unknown[0], _HOOKS, n=1)
        hint = f"Did you mean '{close[0]}'?" if close else f"Hooks are {', '.join(_HOOKS)}."
        return f"unknown hook '{unknown[0]}'. {hint}"
    if manager.get_hookcallers(plugin):
        return None
    unmarked = next((hook for hook in _HOOKS if callable(getattr(plugin, hook, None))), None)
    if unmarked:
        return f"`{unmarked}` is not marked: write `@hookimpl` above it (from mstasks import hookimpl)."
    return f"it implements no hook: mark one of {', '.join(_HOOKS)} with `@hookimpl` (from mstasks import hookimpl)."


def _collect(manager: pluggy.PluginManager, plugin: object, offers: list[tuple[SpecKind, Spec]]) -> str | None:
    """Add what one plugin's hooks return to the offers; the first fault, or None.

    Each function is called by itself because pluggy drops the result of one that returns None without a word.
    """
    for hook in manager.get_hookcallers(plugin) or []:
        for implementation in hook.get_hookimpls():
            if implementation.plugin is plugin:
                error = _add(hook.name, implementation.function(), offers)
                if error is not None:
                    return error
    return None


def _add(hook: str, found: object, offers: list[tuple[SpecKind, Spec]]) -> str | None:
    """Add the specs that a hook returned; what is wrong with them, or None."""
    kind, wanted = _HOOKS[hook]
    if not isinstance(found, list | tuple):
        return f"`{hook}` must return a list of {wanted.__name__}. Found {type(found).__name__}."
    for spec in found:
        if not isinstance(spec, wanted):
            return f"`{hook}` must return a list of {wanted.__name__}. Found {type(spec).__name__} in it."
        if any((kind, spec.name) == (other, known.name) for other, known in offers):
            return f"it offers {NOUNS[kind]} '{spec.name}' twice."
        offers.append((kind, spec))
    return None
