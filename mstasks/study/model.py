"""What a study file may say, as immutable pydantic models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from mstasks.options import Options

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Shots = Annotated[int, Field(ge=1)]
Value = str | int | float | bool | None


def _several(value: Any) -> Any:
    """One number of shots is a list of one."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _not_test(value: str) -> str:
    if value != "val":
        raise ValueError(
            "allowed: 'val'; learning rates and checkpoints are chosen on the validation split, nothing on test"
        )
    return value


ShotList = Annotated[tuple[Shots, ...], BeforeValidator(_several), Field(min_length=1)]
Split = Annotated[str, BeforeValidator(_not_test)]


class Arm(Options):
    """One thing that is compared: a recipe with overrides, or another arm's networks adapted to a task."""

    recipe: str | None = Field(None, description="A recipe; the study's by default.")
    overrides: tuple[str, ...] = Field((), description="Texts key.path=value, on top of the study's.")
    tune: Mapping[str, Annotated[tuple[Value, ...], Field(min_length=1)]] = Field(
        {}, description="Values to try of some keys; the first seed chooses, on the validation split."
    )
    adapt: str | None = Field(None, description="The arm whose networks are adapted; nothing is trained from scratch.")
    task: str | None = Field(None, description="The task that they are adapted to.")
    shots: ShotList = Field((10,), description="Labelled images, or a list of such numbers.")
    draws: int = Field(5, ge=1, description="How many times those images are drawn.")
    against: str | None = Field(
        None, description="The arm that this one is compared with, instead of the one that follows from the baseline."
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        given = self.model_fields_set
        if self.adapt is None and (extra := given & {"task", "shots", "draws"}):
            raise ValueError(f"only an arm with `adapt: ARM` reads {', '.join(sorted(extra))}")
        if self.adapt is not None and (extra := given & {"recipe", "tune"}):
            raise ValueError(
                f"an arm with `adapt` starts from a trained network and reads no {', '.join(sorted(extra))}"
            )
        if self.adapt is not None and self.task is None:
            raise ValueError("an arm with `adapt` needs `task: NAME`, a task of its recipe or one of its `unseen`")
        return self


class Compare(Options):
    """What the arms are compared with, and on which split anything was chosen."""

    baseline: str = Field(description="The arm that differences are taken from.")
    single_task: str | None = Field(
        None, description="The arm of `method: single-task` that delta_m is taken from; without one it is the baseline."
    )
    select: Split = Field(description="The split on which anything was chosen: val.")


class HoldOut(Options):
    """Every task in turn is left out of training and then adapted to."""

    tasks: Annotated[tuple[str, ...], Field(min_length=1)] = Field(description="The tasks that are left out in turn.")
    arms: Annotated[tuple[str, ...], Field(min_length=1)] = Field(description="The arms that this is done with.")
    shots: ShotList = Field((10,), description="Labelled images, or a list of such numbers.")
    draws: int = Field(5, ge=1, description="How many times those images are drawn.")


class Study(Options):
    """A whole study file."""

    name: Name = Field(description="Names the folder of the study.")
    title: str = Field("", description="What stands above the tables.")
    recipe: str | None = Field(None, description="The recipe of arms that name none: a path or a shipped recipe.")
    overrides: tuple[str, ...] = Field((), description="Texts key.path=value for the recipes of all arms.")
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = Field((0, 1, 2), description="A run of each arm each.")
    arms: Annotated[Mapping[Name, Arm], Field(min_length=1)] = Field(description="What is compared, by name.")
    compare: Compare = Field(description="What the arms are compared with.")
    hold_out: HoldOut | None = Field(None, description="Tasks that are left out in turn and adapted to.")
    bench: bool = Field(False, description="Whether each arm's first network is timed at the end.")
