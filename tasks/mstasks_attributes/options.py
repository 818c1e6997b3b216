"""What a recipe may set for attributes. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, field_validator

from mstasks import Options


class AttributesOptions(Options):
    """Options of the task `attributes`."""

    names: tuple[str, ...] | None = Field(
        None, min_length=1, description="The attributes to predict, in this order; all of the data set's if null."
    )
    pos_weight: Mapping[str, Annotated[float, Field(gt=0)]] = Field(
        {},
        description="Factor of the loss where the attribute is present, by name, above 0, to balance a rare one; 1 for "
        "one that is not listed.",
    )

    @field_validator("names")
    @classmethod
    def _each_once(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            if names is not None and names.count(name) > 1:
                raise ValueError(f"each attribute at most once; {name!r} is listed {names.count(name)} times")
        return names
