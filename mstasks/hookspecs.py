"""The pluggy contract: the hooks that a plugin may implement.

A plugin is a module (or any object) whose functions carry ``@hookimpl``. Every hook returns light specs that name their
factory as a string, so that listing plugins imports nothing heavy.
"""

from __future__ import annotations

import pluggy

from mstasks.specs import (
    AdaptationSpec,
    DatasetSpec,
    ExporterSpec,
    LossWeightingSpec,
    StrengthSpec,
    TaskSpec,
    UpdateSpec,
)

PROJECT = "mstasks"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_tasks() -> list[TaskSpec]:  # type: ignore[empty-body]
    """Offer tasks: each a head, a loss and metrics for one kind of target (`mstasks.Task`)."""


@hookspec
def register_datasets() -> list[DatasetSpec]:  # type: ignore[empty-body]
    """Offer data sets: each declares its targets and loads samples by id (`mstasks.Dataset`)."""


@hookspec
def register_loss_weightings() -> list[LossWeightingSpec]:  # type: ignore[empty-body]
    """Offer ways of weighting the task losses against each other (`mstasks.LossWeighting`)."""


@hookspec
def register_strengths() -> list[StrengthSpec]:  # type: ignore[empty-body]
    """Offer ways of finding how strongly channels are pulled to zero (`mstasks.Strength`)."""


@hookspec
def register_updates() -> list[UpdateSpec]:  # type: ignore[empty-body]
    """Offer meta updates: how the gradients of a step come about (`mstasks.Update`)."""


@hookspec
def register_adaptations() -> list[AdaptationSpec]:  # type: ignore[empty-body]
    """Offer strategies of few-shot adaptation: what is trained on few images, and how (`mstasks.Adaptation`)."""


@hookspec
def register_exporters() -> list[ExporterSpec]:  # type: ignore[empty-body]
    """Offer file formats for trained networks (`mstasks.Exporter`)."""
