"""Values that stand for something else are found in every type that can hold them, and in no other."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from mstasks_folder.stored import is_any


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", "|u1", "<u2", "<i4"])
def test_a_value_is_found_as_the_type_holds_it(dtype: str) -> None:
    stored = np.array([0, 1, 200], dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert is_any(stored, (200.0, 1e300)).tolist() == [False, False, True]
    tenth = np.array([0.1, 0.2]).astype(np.float32)
    assert is_any(tenth, (0.1,)).tolist() == [True, False]


def test_what_a_small_type_cannot_hold_is_looked_for_in_silence() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert is_any(np.array([1, 2], np.float16), (65535.0,)).tolist() == [False, False]


@pytest.mark.parametrize("text", ["3.4028235e38", "3.40282347e+38"])
def test_the_largest_number_is_found_however_it_was_rounded(text: str) -> None:
    """As programs for maps write it where there is no data."""
    assert is_any(np.array([1, np.finfo(np.float32).max], np.float32), (float(text),)).tolist() == [False, True]
