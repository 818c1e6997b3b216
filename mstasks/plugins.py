"""What the loaded plugins offer. One that is broken is a row with its reason and never breaks another command.

Imports neither torch nor pydantic, and no plugin's factory.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from mstasks.discovery import Candidate, candidates, resolve
from mstasks.errors import PluginError
from mstasks.loading import NOUNS, Loaded, SpecKind, load_all
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

if TYPE_CHECKING:
    from mstasks.options import Options

__all__ = ["PluginError", "PluginRow", "Registry", "SpecKind", "UnknownPluginError", "load_plugins", "resolve"]

_COMMANDS: dict[SpecKind, str] = {
    "task": "tasks",
    "dataset": "datasets",
    "loss-weighting": "weightings",
    "strength": "strengths",
    "update": "updates",
    "adaptation": "adaptations",
    "exporter": "exporters",
}


class UnknownPluginError(PluginError):
    """Nothing of that name exists, as far as the plugins that load can tell."""


@dataclass(frozen=True, slots=True)
class PluginRow:
    """One plugin, as `mstasks ls plugins` and `mstasks doctor` show it.

    Attributes:
        name: The entry point's name, the file's stem or the module's name.
        origin: ``entry point depth = mstasks_depth``, ``file /path/my_task.py``, ``module my_tasks`` or
            ``part of mstasks``.
        distribution: The installed distribution that brings it; None for a file or a module that was named by hand.
        version: That distribution's version.
        provides: What it offers and can be used, such as ``task depth``.
        error: Why it, or a part of it, cannot be used; None if nothing is wrong.
    """

    name: str
    origin: str
    distribution: str | None
    version: str | None
    provides: tuple[str, ...]
    error: str | None


class Registry:
    """What the loaded plugins offer.

    Attributes:
        plugins: One row a plugin, the broken ones included, in the order of loading.
    """

    plugins: tuple[PluginRow, ...]

    def __init__(self, loaded: Sequence[Loaded]) -> None:
        self._broken = [item for item in loaded if item.error is not None]
        self._offers: dict[tuple[SpecKind, str], list[tuple[Spec, Candidate]]] = {}
        for item in loaded:
            for kind, spec in item.offers if item.error is None else []:
                self._offers.setdefault((kind, spec.name), []).append((spec, item.candidate))
        self.plugins = tuple(self._row(item) for item in loaded)

    def _row(self, item: Loaded) -> PluginRow:
        """The row of a plugin; a name that it shares with another plugin is told as its error."""
        made, offers = item.candidate, [(kind, spec.name) for kind, spec in item.offers if item.error is None]
        usable = tuple(f"{NOUNS[kind]} {name}" for kind, name in offers if len(self._offers[kind, name]) == 1)
        clashes = [self._clash(kind, name) for kind, name in offers if len(self._offers[kind, name]) > 1]
        return PluginRow(
            made.name, made.origin, made.distribution, made.version, usable, item.error or " ".join(clashes) or None
        )

    def _clash(self, kind: SpecKind, name: str) -> str:
        owners = " and ".join(_who(candidate) for _, candidate in self._offers[kind, name])
        return f"{NOUNS[kind]} '{name}' is offered by {owners}; uninstall or rename one of them."

    def names(self, kind: SpecKind) -> list[str]:
        """Names of a kind that can be used, sorted."""
        return sorted(name for (other, name), offers in self._offers.items() if other == kind and len(offers) == 1)

    def specs(self, kind: SpecKind) -> list[Spec]:
        """Specs of a kind that can be used, sorted by name."""
        return [self._offers[kind, name][0][0] for name in self.names(kind)]

    def owner(self, kind: SpecKind, name: str) -> str:
        """Who brings that name: the distribution, or the file or module that was named by hand.

        Raises:
            KeyError: If nothing offers it; `find` explains.
        """
        candidate = self._offers[kind, name][0][1]
        return candidate.distribution or candidate.origin

    @overload
    def find(self, kind: Literal["task"], name: str) -> TaskSpec: ...
    @overload
    def find(self, kind: Literal["dataset"], name: str) -> DatasetSpec: ...
    @overload
    def find(self, kind: Literal["loss-weighting"], name: str) -> LossWeightingSpec: ...
    @overload
    def find(self, kind: Literal["strength"], name: str) -> StrengthSpec: ...
    @overload
    def find(self, kind: Literal["update"], name: str) -> UpdateSpec: ...
    @overload
    def find(self, kind: Literal["adaptation"], name: str) -> AdaptationSpec: ...
    @overload
    def find(self, kind: Literal["exporter"], name: str) -> ExporterSpec: ...
    @overload
    def find(self, kind: SpecKind, name: str) -> Spec: ...

    def find(self, kind: SpecKind, name: str) -> Spec:
        """The spec of that kind and name.

        Raises:
            PluginError: If the plugin that offers it is broken, or if two plugins offer it.
            UnknownPluginError: If nothing of that name exists.
        """
        offers = self._offers.get((kind, name), [])
        if len(offers) > 1:
            raise PluginError(self._clash(kind, name))
        if offers:
            return offers[0][0]
        for item in self._broken:
            if item.may_offer(kind, name):
                raise PluginError(
                    f"{NOUNS[kind]} '{name}' is not there because {_who(item.candidate)} is broken: {item.error}"
                ) from item.cause
        raise UnknownPluginError(self._unknown(kind, name))

    def _unknown(self, kind: SpecKind, name: str) -> str:
        names = self.names(kind)
        close = get_close_matches(name, names, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        text = f"unknown {NOUNS[kind]} '{name}'.{hint} Run `mstasks ls {_COMMANDS[kind]}` to see all {len(names)}."
        if self._broken:
            broken = ", ".join(item.candidate.name for item in self._broken)
            text += f" Broken plugins: {broken}; `mstasks ls plugins` says why."
        if not autoload():
            text += " Installed plugins are off: MSTASKS_DISABLE_PLUGIN_AUTOLOAD is set."
        return text

    def options_model(self, spec: Spec) -> type[Options] | None:
        """The options model that a spec names, imported now; None if it names none.

        Raises:
            PluginError: If it cannot be imported or is not a subclass of `mstasks.Options`.
        """
        if spec.options is None:
            return None
        from mstasks.options import Options

        model = resolve(spec.options)
        if not (isinstance(model, type) and issubclass(model, Options)):
            raise PluginError(
                f"`options` of '{spec.name}' must name a subclass of mstasks.Options. "
                f"Found {spec.options!r}, which is {model!r}."
            )
        return model


def _who(candidate: Candidate) -> str:
    if candidate.distribution is None:
        return candidate.origin
    return f"{candidate.distribution} {candidate.version} ({candidate.origin})"


def autoload() -> bool:
    """Whether installed plugins are looked for: unless ``MSTASKS_DISABLE_PLUGIN_AUTOLOAD`` is set to 1."""
    return os.environ.get("MSTASKS_DISABLE_PLUGIN_AUTOLOAD", "") in ("", "0")


def load_plugins(extra: Sequence[str] = (), folder: Path | None = None) -> Registry:
    """Load the core's own plugin, the installed ones (unless switched off) and those named by hand.

    Args:
        extra: Paths of ``.py`` files, or module names.
        folder: Where relative paths are looked for first; then in the working directory.

    Raises:
        PluginError: If a file or module named in ``extra`` does not exist or cannot be named so. A plugin that exists
            and fails is no error here but a row of `Registry.plugins`.
    """
    return Registry(load_all(candidates(extra, folder, installed=autoload())))
