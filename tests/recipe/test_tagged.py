"""Options that come in several kinds, told apart by a key: errors speak of the kind that was written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from mstasks.options import Options
from mstasks.recipe.compose import compose
from mstasks.recipe.errors import Problems, RecipeErrors
from mstasks.recipe.tree import Place
from mstasks.recipe.validate import Part, validate


class Circle(Options):
    shape: Literal["circle"]
    size: int = Field(1, ge=1)


class Ring(Options):
    shape: Literal["ring"]
    size: tuple[float, float]


class Drawing(Options):
    parts: dict[str, Annotated[Circle | Ring, Field(discriminator="shape")]]


def refusal(text: str) -> str:
    problems = Problems()
    root = compose(text, lambda line, column: Place("r", line + 1, column + 1), problems)
    assert root is not None
    assert validate(Drawing, Part(root, root), Path(), problems) is None
    with pytest.raises(RecipeErrors) as refused:
        problems.raise_if_any()
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("parts: {a: {shape: circle, sizes: 2}}", "unknown key 'sizes' in parts.a; allowed: shape, size; did you mean"),
        ("parts: {a: {shape: ring, size: 2}}", "r:1:32: parts.a.size is 2; allowed: a list of 2, each a number"),
        ("parts: {a: {shape: circle, size: 0}}", "parts.a.size is 0; allowed: a whole number of at least 1"),
        ("parts: {a: {shape: ring, size: [1, x]}}", "parts.a.size.1 is the text 'x'; allowed: a number"),
        ("parts: {a: {shape: ring}}", "parts.a.size is missing; needed: a list of 2, each a number"),
        (
            "parts: {a: {shape: cirle}}",
            "r:1:20: parts.a.shape is the text 'cirle'; allowed: one of 'circle', 'ring'; did you mean 'circle'?",
        ),
        ("parts: {a: {shape: 3}}", "r:1:20: parts.a.shape is 3; allowed: one of 'circle', 'ring'"),
        ("parts: {a: {size: 3}}", "r:1:9: parts.a.shape is missing; allowed: one of 'circle', 'ring'"),
        ("parts: {a: 3}", "parts.a is 3; allowed: a mapping"),
    ],
)
def test_only_what_the_tag_allows_is_said_to_be_allowed(text: str, expected: str) -> None:
    assert expected in refusal(text)
