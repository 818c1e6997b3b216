"""Options of the test plugins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from mstasks import Options, RecipePath, RecipeTask


class ToyOptions(Options):
    classes: Literal[13, 40] = Field(40, description="How many classes.")
    root: RecipePath | None = None
    shuffle: bool = False
    gamma: float = Field(1.0, gt=0)
    names: tuple[str, ...] = ()
    count: int = Field(3, ge=1, le=9)


class NeedyOptions(Options):
    root: RecipePath = Field(description="The folder of the images.")


class GreedyOptions(Options):
    size: int = 3


class LabelsOptions(Options):
    smoothing: float = Field(0.0, ge=0, lt=1, description="Label smoothing.")
    class_weights: Mapping[str, float] = {}


class DepthOptions(Options):
    loss: Literal["l1", "berhu"] = "l1"
    cap: float | Literal["auto"] = "auto"


class PickyOptions(Options):
    low: int = 0
    high: int = 1

    @field_validator("low")
    @classmethod
    def even(cls, value: int) -> int:
        if value == 13:
            raise ZeroDivisionError("thirteen")
        if value % 2:
            raise ValueError("must be even")
        return value

    @model_validator(mode="after")
    def ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be below high")
        return self


class LearnedOptions(Options):
    temperature: float = Field(1.0, gt=0)


class RehearsalOptions(Options):
    inner_prox: bool = False
    before: tuple[RecipeTask, ...] = Field((), description="Tasks that come first.")
    least_images: int = 2


class NearestOptions(Options):
    neighbours: int = Field(1, ge=1, description="How many support images are asked.")
