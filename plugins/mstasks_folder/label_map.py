"""What a recipe says of a label map: which stored values, or colours, are which class. Imports no numpy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mstasks_folder.files import Files, Name, check_unique

Stored = Annotated[int, Field(ge=-32768, le=65535)]
Channel = Annotated[int, Field(ge=0, le=255)]
Colour = tuple[Channel, Channel, Channel]

NOT_VALID = -1
"""The class of stored values that are declared not to be one."""


class LabelMap(Files):
    """A class per pixel. Exactly one of `names`, `values` and `colours` says which classes there are, in order."""

    kind: Literal["label-map"] = Field(description="label-map: a class per pixel.")
    names: tuple[Name, ...] | None = Field(
        None, min_length=1, description="Classes in the order of their stored values, which count up from `first`."
    )
    first: Stored = Field(0, description="The stored value of the first of `names`.")
    values: Mapping[str, Stored | tuple[Stored, ...]] | None = Field(
        None, min_length=1, description="By class, its stored value or a list of them, which are merged."
    )
    colours: Mapping[str, Colour] | None = Field(
        None, min_length=1, description="By class, its colour [red, green, blue] in pictures that code classes so."
    )
    invalid: tuple[Stored, ...] = Field((), description="Stored values of pixels without a class.")
    invalid_colours: tuple[Colour, ...] = Field((), description="Colours of pixels without a class.")
    pairs: tuple[tuple[str, str], ...] = Field((), description="Pairs of classes that a left-right flip swaps.")

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in index order."""
        return self.names or tuple(self.values or self.colours or ())

    @property
    def codes(self) -> tuple[tuple[int, int], ...]:
        """Every declared stored value with its class index or `NOT_VALID`; a colour as 0xRRGGBB."""
        return tuple((code, index) for code, index, _ in self._declared())

    def _declared(self) -> Iterable[tuple[int, int, str]]:
        """Code, class index, and the code as the recipe writes it."""
        for index, value in enumerate(self._stored()):
            yield from ((code, index, str(code)) for code in value)
        for index, colour in enumerate((self.colours or {}).values()):
            yield _packed(colour), index, str(list(colour))
        yield from ((code, NOT_VALID, str(code)) for code in self.invalid)
        yield from ((_packed(colour), NOT_VALID, str(list(colour))) for colour in self.invalid_colours)

    def _stored(self) -> Iterable[tuple[int, ...]]:
        if self.names:
            return ((self.first + index,) for index in range(len(self.names)))
        return (value if isinstance(value, tuple) else (value,) for value in (self.values or {}).values())

    @model_validator(mode="after")
    def _is_clear(self) -> Self:
        given = [key for key in ("names", "values", "colours") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"it gives {' and '.join(given) or 'no classes'}; give one of names, values and colours")
        if self.first and not self.names:
            raise ValueError("`first` is the stored value of the first of `names`, which are not given")
        if self.colours and self.invalid:
            raise ValueError("with `colours`, pixels without a class are `invalid_colours`, not `invalid`")
        if self.invalid_colours and not self.colours:
            raise ValueError("`invalid_colours` belongs to `colours`; give stored values as `invalid`")
        check_unique("the class", self.classes)
        check_unique("the stored value", [text for _, _, text in self._declared()])
        unknown = sorted({name for pair in self.pairs for name in pair} - set(self.classes))
        if unknown:
            raise ValueError(f"`pairs` speaks of '{unknown[0]}', which is no class; classes: {', '.join(self.classes)}")
        check_unique("in `pairs`, the class", [name for pair in self.pairs for name in pair])
        return self


def _packed(colour: Colour) -> int:
    return colour[0] << 16 | colour[1] << 8 | colour[2]
