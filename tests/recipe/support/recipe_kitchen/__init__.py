"""Plugins that recipes are tested with: light, torch-free, and some of them broken on purpose."""

from __future__ import annotations

from mstasks import AdaptationSpec, DatasetSpec, LossWeightingSpec, StrengthSpec, TaskSpec, UpdateSpec, hookimpl

FACTORY = "recipe_kitchen.nothing:built"  # never resolved: a recipe is read without building anything


@hookimpl
def register_tasks() -> list[TaskSpec]:
    options = "recipe_kitchen.options"
    return [
        TaskSpec("labels", "A class per pixel.", FACTORY, f"{options}:LabelsOptions"),
        TaskSpec("depth", "Metres per pixel.", FACTORY, f"{options}:DepthOptions"),
        TaskSpec("plain", "No options.", FACTORY),
        TaskSpec("picky", "Validates in its own words.", FACTORY, f"{options}:PickyOptions"),
        TaskSpec("lost", "Its options are not where it says.", FACTORY, f"{options}:Nowhere"),
    ]


@hookimpl
def register_datasets() -> list[DatasetSpec]:
    options, targets = "recipe_kitchen.options", "recipe_kitchen.targets"
    return [
        DatasetSpec("toy", "Has everything.", FACTORY, f"{options}:ToyOptions", f"{targets}:of_toy"),
        DatasetSpec("bare", "No options.", FACTORY, None, f"{targets}:of_bare"),
        DatasetSpec("needy", "Needs a root.", FACTORY, f"{options}:NeedyOptions", f"{targets}:of_bare"),
        DatasetSpec("greedy", "Redeclares a core key.", FACTORY, f"{options}:GreedyOptions", f"{targets}:of_bare"),
        DatasetSpec("mute", "Fails to declare targets.", FACTORY, None, f"{targets}:of_mute"),
        DatasetSpec("vague", "Declares no mapping.", FACTORY, None, f"{targets}:of_vague"),
    ]


@hookimpl
def register_loss_weightings() -> list[LossWeightingSpec]:
    return [LossWeightingSpec("learned", "Reads no weights.", FACTORY, "recipe_kitchen.options:LearnedOptions")]


@hookimpl
def register_strengths() -> list[StrengthSpec]:
    return [StrengthSpec("steady", "Needs nothing and has no lambda.", FACTORY)]


@hookimpl
def register_updates() -> list[UpdateSpec]:
    return [UpdateSpec("rehearsal", "Names tasks.", FACTORY, "recipe_kitchen.options:RehearsalOptions")]


@hookimpl
def register_adaptations() -> list[AdaptationSpec]:
    return [AdaptationSpec("nearest", "Copies.", FACTORY, "recipe_kitchen.options:NearestOptions")]
