"""What a recipe says of one target: where its labels are, and what their numbers mean. Imports no numpy."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from mstasks import Options
from mstasks_folder.files import Files, Name, check_unique
from mstasks_folder.label_map import LabelMap

Axis = Literal["x", "-x", "y", "-y", "z", "-z"]

_METRES = {"metres": 1.0, "centimetres": 0.01, "millimetres": 0.001}


class DepthMap(Files):
    """Distance along the optical axis. Exactly one of `unit` and `scale`, so that nobody mistakes one unit for another.

    Zero, negative, infinite and NaN depths are never valid.
    """

    kind: Literal["depth-map"] = Field(description="depth-map: a distance along the optical axis per pixel.")
    unit: Literal["metres", "centimetres", "millimetres"] | None = Field(
        None, description="What a stored value counts."
    )
    scale: float | None = Field(None, gt=0, description="Metres are the stored value times this.")
    invalid: tuple[float, ...] = Field((), description="Stored values, before scaling, of pixels without a depth.")

    @property
    def factor(self) -> float:
        """Metres of a stored 1."""
        return self.scale if self.scale is not None else _METRES[self.unit or "metres"]

    @model_validator(mode="after")
    def _has_one_unit(self) -> Self:
        if (self.unit is None) == (self.scale is None):
            found = "neither `unit` nor `scale`" if self.unit is None else "`unit` and `scale`"
            raise ValueError(f"it gives {found}; give one: unit: millimetres, or scale: 0.001 for the same")
        return self


class VectorMap(Files):
    """A direction per pixel, such as a surface normal. Zero vectors are never valid."""

    kind: Literal["vector-map"] = Field(description="vector-map: a direction per pixel, such as a surface normal.")
    encoding: Literal["signed", "unsigned"] = Field(
        description="signed: floats from -1 to 1; unsigned: 0 to 255, 0 to 65535, or floats from 0 to 1 mean -1 to 1."
    )
    axes: tuple[Axis, Axis, Axis] = Field(
        ("x", "y", "z"),
        description="Which stored component, channels being x, y, z, points right, down and forward; '-' for opposite.",
    )
    invalid: tuple[tuple[float, float, float], ...] = Field(
        (), description="Stored triples, before decoding, of pixels without a direction."
    )

    @model_validator(mode="after")
    def _uses_every_component(self) -> Self:
        check_unique("in `axes`, the component", [axis[-1] for axis in self.axes])
        return self


class ScalarMap(Files):
    """A number per pixel in [0, 1], such as an edge. NaN and infinite values are never valid."""

    kind: Literal["scalar-map"] = Field(description="scalar-map: a number from 0 to 1 per pixel, such as an edge.")
    range: tuple[float, float] = Field(
        (0.0, 1.0), description="The stored values that mean 0 and 1: [0, 255]; [255, 0] for dark edges on white."
    )
    invalid: tuple[float, ...] = Field((), description="Stored values of pixels without a number.")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.range[0] == self.range[1]:
            raise ValueError("the two values of `range` must differ")
        return self


class AttributeTable(Options):
    """Yes or no for the whole image, from columns of a CSV file."""

    kind: Literal["attributes"] = Field(description="attributes: yes or no for the whole image, from a CSV file.")
    csv: str = Field(min_length=1, description="The CSV file below `root`, its first line naming the columns.")
    columns: tuple[Name, ...] = Field(
        min_length=1, description="Columns to use; cells are 1/0, true/false, yes/no, or empty: not annotated."
    )
    id_column: Name = Field("id", description="The column that holds the image's id, or its file name.")
    delimiter: Literal[",", ";", "\t"] = Field(",", description="What separates cells.")

    @model_validator(mode="after")
    def _has_different_columns(self) -> Self:
        check_unique("the column", [*self.columns, self.id_column])
        return self


class _AnyOf:
    """Writes a tagged union as `anyOf`: the tag is a constant in each alternative, so that this means the same."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": handler(schema)["oneOf"]}


DenseOptions = LabelMap | DepthMap | VectorMap | ScalarMap
TargetOptions = DenseOptions | AttributeTable
AnyTarget = Annotated[TargetOptions, Field(discriminator="kind"), _AnyOf()]
