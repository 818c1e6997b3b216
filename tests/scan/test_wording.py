"""Texts of a data set become fit for a terminal."""

from __future__ import annotations

import pytest

from mstasks.data.files import printable
from mstasks.scan.wording import few, share


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 3, "33 %"),
        (995, 1000, "99.5 %"),
        (4, 1000, "0.4 %"),
        (3, 100_000, "0.003 %"),
        (0, 0, "-"),
    ],
)
def test_shares_tell_little_from_nothing_and_much_from_all(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


@pytest.mark.parametrize("part", [99_999, 999_999])
def test_almost_all_is_not_rounded_to_all(part: int) -> None:
    assert share(part, 1_000_000) != "100 %"


def test_unprintable_characters_are_escaped() -> None:
    assert printable("a\x1b[31m\n\udc80 ü") == "a\\x1b[31m\\n\\udc80 ü"


def test_long_lists_are_cut() -> None:
    assert few(["a", "b"], 2) == "a, b"
    assert few(["a", "b", "c\n"], 2) == "a, b and 1 more"
