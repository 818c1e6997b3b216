from __future__ import annotations

import math

import pytest

from mstasks.comparison_columns import Column


def shown(value: float) -> str:
    return f"{value:.1f}"


@pytest.mark.parametrize(
    ("values", "higher", "best"),
    [
        ([0.1, 0.3, 0.2], True, {1}),
        ([0.1, 0.3, 0.2], False, {0}),
        ([0.11, 0.12, 0.3], False, {0, 1}),  # alike as they are shown
        ([0.11, None, 0.12], True, set()),  # all that are there show the same
        ([0.1, math.nan, 0.2, None], True, {2}),
        ([0.1], True, set()),
        ([], True, set()),
        ([0.1, 0.3], None, set()),
    ],
)
def test_the_best_are_those_that_show_the_best_number(
    values: list[float | None], higher: bool | None, best: set[int]
) -> None:
    assert Column("x", values, higher).best(shown) == best


def test_only_rivals_can_be_the_best() -> None:
    assert Column("x", [0.9, 0.3, 0.2], higher=True, rivals=frozenset({1, 2})).best(shown) == {1}
    assert Column("x", [0.9, 0.3], higher=True, rivals=frozenset()).best(shown) == frozenset()
