"""Plain scalars mean what YAML 1.2's core schema says, and nothing else."""

from __future__ import annotations

import pytest

from mstasks.recipe.scalars import ScalarError, resolve_plain

MEANINGS = [
    # numbers that YAML 1.1, and so PyYAML alone, takes for text
    ("1e-3", 0.001),
    ("3e-4", 0.0003),
    ("3.0e-4", 0.0003),
    ("1E5", 100000.0),
    (".5", 0.5),
    ("-.5e1", -5.0),
    ("1.", 1.0),
    ("+2.5", 2.5),
    ("0", 0),
    ("-0", 0),
    ("-17", -17),
    ("+17", 17),
    ("0.10", 0.1),
    ("0o17", 15),
    ("0x1F", 31),
    ("1e-999", 0.0),
    # booleans are these six
    ("true", True),
    ("True", True),
    ("TRUE", True),
    ("false", False),
    ("False", False),
    ("FALSE", False),
    ("tRUE", "tRUE"),
    # what YAML 1.1 takes for booleans, numbers in base 60, dates
    *[(word, word) for word in ("yes", "no", "on", "off", "y", "n", "Yes", "NO", "On", "OFF")],
    *[(word, word) for word in ("1:30", "190:20:30", "1:30.5", "1_000", "0b11", "2024-01-31", "2024-01-31T10:00:00Z")],
    # nothing
    ("", None),
    ("~", None),
    ("null", None),
    ("Null", None),
    ("NULL", None),
    ("nULL", "nULL"),
    # texts that look like numbers a little
    *[
        (word, word)
        for word in ("e3", "1e", "1e+", "--1", "1.2.3", "0x", "0xG", "0o8", "-0x1", "nan", "inf", "Infinity")
    ],
    *[(word, word) for word in (".", "+", "-", "=", "<", "٣", "１")],
]


@pytest.mark.parametrize(("text", "meaning"), MEANINGS)
def test_a_plain_scalar_means(text: str, meaning: object) -> None:
    found = resolve_plain(text)
    assert found == meaning
    assert type(found) is type(meaning)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN", ".inf", "-.inf", "+.Inf", ".INF", "1e999", "-1e400"])
def test_numbers_are_finite(text: str) -> None:
    with pytest.raises(ScalarError, match=r"^.*not a finite number|larger than any number"):
        resolve_plain(text)


@pytest.mark.parametrize(("text", "number"), [("010", "10"), ("-007", "7"), ("00", "0"), ("08", "8")])
def test_leading_zeros_are_ambiguous(text: str, number: str) -> None:
    with pytest.raises(ScalarError, match=rf"^{text} has leading zeros.*write {number} for the number, or '{text}' in"):
        resolve_plain(text)


@pytest.mark.parametrize("text", ["9" * 301, "0." + "1" * 300, "0x" + "f" * 300])
def test_numbers_of_hundreds_of_digits_are_refused(text: str) -> None:
    with pytest.raises(ScalarError, match=rf"has {len(text)} characters; at most 300"):
        resolve_plain(text)


def test_a_number_of_exactly_the_longest_length_is_read() -> None:
    assert resolve_plain("9" * 300) == 10**300 - 1
