"""What the core itself offers through the hooks: ways to weight losses, to make sparse, to learn, adapt and export."""

from __future__ import annotations

from mstasks.hookspecs import hookimpl
from mstasks.specs import AdaptationSpec, ExporterSpec, LossWeightingSpec, StrengthSpec, UpdateSpec


@hookimpl
def register_loss_weightings() -> list[LossWeightingSpec]:
    """Fixed and uncertainty weighting."""
    return [
        LossWeightingSpec(
            name="fixed",
            summary="The recipe's task weights, constant.",
            factory="mstasks.train.weighting:FixedWeighting",
            uses_weights=True,
        ),
        LossWeightingSpec(
            name="uncertainty",
            summary="Learned log-variance per task (Kendall et al. 2018).",
            factory="mstasks.train.weighting:UncertaintyWeighting",
        ),
    ]


@hookimpl
def register_strengths() -> list[StrengthSpec]:
    """Priced removal, its baselines, and lambda fixed, controlled or learned."""
    folder = "mstasks.sparsity.strength"
    return [
        StrengthSpec(
            name="priced",
            summary="Channels leave whose saliency for the tasks is not worth their cost.",
            factory=f"{folder}.priced:Priced",
            options=f"{folder}.options:PricedOptions",
            needs_target=True,
            needs_channels=True,
        ),
        StrengthSpec(
            name="one-shot",
            summary="All channels leave at once, by magnitude, Taylor or Fisher saliency.",
            factory=f"{folder}.one_shot:OneShot",
            options=f"{folder}.options:OneShotOptions",
            needs_target=True,
            needs_channels=True,
        ),
        StrengthSpec(
            name="controller",
            summary="A group lasso whose lambda is controlled to meet the target.",
            factory=f"{folder}.controller:Controller",
            options=f"{folder}.options:ControllerOptions",
            needs_target=True,
            has_lambda=True,
        ),
        StrengthSpec(
            name="fixed",
            summary="A group lasso with a constant lambda.",
            factory=f"{folder}.fixed:Fixed",
            options=f"{folder}.options:FixedOptions",
            has_lambda=True,
        ),
        StrengthSpec(
            name="learned",
            summary="lambda by the gradient of the query loss, the paper's form (experimental).",
            factory=f"{folder}.learned:Learned",
            options=f"{folder}.options:LearnedOptions",
            takes_target=True,
            has_lambda=True,
            needs_inner_prox=True,
        ),
    ]


@hookimpl
def register_updates() -> list[UpdateSpec]:
    """Look-ahead, and updates with an inner loop."""
    return [
        UpdateSpec(
            name="look-ahead",
            summary="Mean of the support gradient and of the query gradient after a short step along it.",
            factory="mstasks.meta.look_ahead:LookAhead",
            options="mstasks.meta.options:LookAheadOptions",
        ),
        UpdateSpec(
            name="maml",
            summary="MAML over task combinations.",
            factory="mstasks.meta.maml:Maml",
            options="mstasks.meta.options:MamlOptions",
        ),
        UpdateSpec(
            name="anil",
            summary="MAML whose inner loop adapts heads only.",
            factory="mstasks.meta.anil:Anil",
            options="mstasks.meta.options:AnilOptions",
        ),
        UpdateSpec(
            name="simulated-unseen",
            summary="Episodes that reset one task's head and adapt it on a few images.",
            factory="mstasks.meta.simulated_unseen:SimulatedUnseen",
            options="mstasks.meta.options:SimulatedUnseenOptions",
        ),
    ]


@hookimpl
def register_adaptations() -> list[AdaptationSpec]:
    """Head first, and what it is compared with."""
    strategies, options = "mstasks.adapt.strategies", "mstasks.adapt.options"
    return [
        AdaptationSpec(
            name="head-first",
            summary="The new head alone, then everything, at three learning rates.",
            factory=f"{strategies}:HeadFirst",
            options=f"{options}:HeadFirstOptions",
        ),
        AdaptationSpec(
            name="all-at-once",
            summary="Everything from the first step, at three learning rates.",
            factory=f"{strategies}:AllAtOnce",
            options=f"{options}:TuneOptions",
        ),
        AdaptationSpec(
            name="fast",
            summary="Trunk and new head; the backbone is frozen.",
            factory=f"{strategies}:Fast",
            options=f"{options}:TuneOptions",
        ),
        AdaptationSpec(
            name="bitfit",
            summary="The new head, and norms and biases of backbone and trunk.",
            factory=f"{strategies}:BitFit",
            options=f"{options}:TuneOptions",
        ),
        AdaptationSpec(
            name="new-decoder",
            summary="Everything, with a decoder of its own for the new task.",
            factory=f"{strategies}:NewDecoder",
            options=f"{options}:TuneOptions",
        ),
        AdaptationSpec(
            name="ridge",
            summary="A linear head in closed form; everything else is frozen.",
            factory=f"{strategies}:Ridge",
            options=f"{options}:RidgeOptions",
        ),
        AdaptationSpec(
            name="probe",
            summary="A linear head by gradient steps; everything else is frozen.",
            factory=f"{strategies}:Probe",
            options=f"{options}:TuneOptions",
        ),
    ]


@hookimpl
def register_exporters() -> list[ExporterSpec]:
    """The format of torch itself."""
    return [
        ExporterSpec(
            name="torch",
            summary="One .pt2 file of torch.export, for Python with torch alone.",
            factory="mstasks.export_torch:TorchExporter",
        )
    ]
