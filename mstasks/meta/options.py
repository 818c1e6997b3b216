"""What a recipe may set for each meta update. Imports no torch."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mstasks.options import Options, RecipeTask
from mstasks.sparsity.strength.options import Window


def _distinct(tasks: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(tasks)) < len(tasks):
        raise ValueError("allowed: each task once")
    return tasks


Combination = Annotated[tuple[RecipeTask, ...], Field(min_length=1), AfterValidator(_distinct)]
"""Tasks that are learned together in an episode."""


class LookAheadOptions(Options):
    """The mean of the gradient on the support set and of the one that the query set has after a step along it."""

    rate: float = Field(0.125, ge=0, description="Length of the look-ahead step, as a fraction of the learning rate.")
    window: Window = Field((0.0, 1.0), description="Fractions of the steps between which it runs; plain steps outside.")


class InnerOptions(Options):
    """What all updates with an inner loop have in common."""

    accumulates: ClassVar[bool] = False
    """Whether a step may come in micro-batches; an episode cannot be cut."""

    episodes: int = Field(1, ge=1, description="Episodes a step, over all ranks; the batch is divided among them.")
    steps: int = Field(1, ge=1, description="Inner gradient steps K.")
    rate: float = Field(0.01, ge=0, description="Inner learning rate.")
    learn_rates: bool = Field(False, description="Learn an inner rate for each parameter tensor, from `rate` on.")
    order: Literal["first", "second"] = Field(
        "first", description="Whether the outer gradient passes through the inner gradients."
    )

    @property
    def least_images(self) -> int:
        """Images that a step needs at least: a support and a query image for each episode."""
        return 2 * self.episodes


class MamlOptions(InnerOptions):
    """MAML over task combinations (Finn, Abbeel, Levine 2017)."""

    inner_prox: bool = Field(False, description="A proximal step after each inner step, as in the Meta-Sparsity paper.")
    # The list first: what is wrong within it says more than that it is none of the names.
    combinations: Annotated[tuple[Combination, ...], Field(min_length=1)] | Literal["uniform", "all-tasks"] = Field(
        "uniform", description="`uniform` over all 2^T - 1, `all-tasks` always, or a list of lists of task names."
    )
    weights: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(
        None, description="Relative frequency of each listed combination; uniform by default."
    )

    @model_validator(mode="after")
    def _a_weight_for_each_combination(self) -> Self:
        if self.weights is None:
            return self
        if isinstance(self.combinations, str):
            raise ValueError(
                f"weights are for listed combinations, and combinations is '{self.combinations}'; "
                "list them as lists of task names, or remove weights"
            )
        if len(self.weights) != len(self.combinations):
            raise ValueError(
                f"weights and combinations must be as many; found {len(self.weights)} and {len(self.combinations)}"
            )
        return self


class AnilOptions(InnerOptions):
    """The inner loop adapts heads only (Raghu et al. 2020)."""


class SimulatedUnseenOptions(InnerOptions):
    """An episode resets a seen task's head to a learned initialisation and adapts it on few images."""

    steps: int = Field(3, ge=1, description="Inner gradient steps K.")
    shots: int = Field(4, ge=1, description="Support images of an episode; the rest of its images are queries.")
    share: float = Field(
        0.5, ge=0, lt=1, description="Fraction of the steps that are episodes; others are plain and train the heads."
    )

    @property
    def least_images(self) -> int:
        """Images that a step needs at least: the shots of each episode, and as many queries between them."""
        return 2 * self.shots * self.episodes
