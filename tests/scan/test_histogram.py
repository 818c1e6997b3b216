"""Counts in fixed bins give quantiles as exact as they say, and add up."""

from __future__ import annotations

import numpy as np
import pytest

from mstasks.scan.histogram import DEPTHS, SHARES, Bins, bars

WIDE = Bins(0.0, 10.0, 10)


def test_each_value_is_counted_in_its_bin() -> None:
    counts = WIDE.fill(np.array([-3, 0, 0.5, 1, 9.99, 10, 1e6], np.float32))
    assert counts.tolist() == [1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2]


def test_no_value_gives_no_count() -> None:
    assert DEPTHS.fill(np.zeros(0, np.float32)).sum() == 0


def test_bins_of_equal_ratio_have_their_ends_at_powers() -> None:
    octaves = Bins(1.0, 8.0, 3, log=True)
    assert octaves.fill(np.array([0, -1, 0.99, 1, 1.99, 2, 4, 7.9, 8], np.float32)).tolist() == [3, 2, 1, 2, 1]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99, 1.0])
def test_quantiles_of_depths_are_right_to_six_tenths_of_a_percent(share: float) -> None:
    metres = np.random.default_rng(0).gamma(2.0, 1.5, 20_000).astype(np.float32) + 0.3
    found = DEPTHS.quantile(DEPTHS.fill(metres), share, float(metres.min()), float(metres.max()))
    assert found == pytest.approx(float(np.quantile(metres, share, method="lower")), rel=0.006)


@pytest.mark.parametrize("value", [0.0, 0.25, 1.0])
def test_zero_and_one_are_exact_shares(value: float) -> None:
    counts = SHARES.fill(np.full(5, value, np.float32))
    assert SHARES.quantile(counts, 0.5, value, value) == value
    assert counts[0] == counts[-1] == 0


def test_what_lies_outside_the_bins_is_its_extreme() -> None:
    values = np.array([-5.0, 0.5, 700.0], np.float32)
    counts = WIDE.fill(values)
    assert [WIDE.quantile(counts, share, -5.0, 700.0) for share in (0, 0.5, 1)] == [-5.0, 0.5, 700.0]


def test_counts_of_parts_add_up_to_those_of_the_whole() -> None:
    values = np.random.default_rng(1).random(1000).astype(np.float32)
    assert (SHARES.fill(values[:300]) + SHARES.fill(values[300:]) == SHARES.fill(values)).all()


def test_columns_hold_every_value_between_the_extremes() -> None:
    values = np.array([0.5, 3.2, 3.8, 9.5], np.float32)
    ends, counts = WIDE.columns(WIDE.fill(values), 0.5, 9.5, number=5)
    assert ends == pytest.approx([0, 2, 4, 6, 8, 10])
    assert counts == [1, 2, 0, 0, 1]


def test_columns_count_what_lies_outside_at_their_ends() -> None:
    ends, counts = WIDE.columns(WIDE.fill(np.array([-4, 5, 40, 50], np.float32)), -4.0, 50.0, number=2)
    assert ends == pytest.approx([0, 5, 10])
    assert counts == [1, 3]


def test_one_value_is_one_column() -> None:
    ends, counts = WIDE.columns(WIDE.fill(np.full(3, 2.5, np.float32)), 2.5, 2.5)
    assert (ends, counts) == (pytest.approx([2, 3]), [3])


def test_bars_are_as_high_as_their_counts_and_none_that_holds_anything_is_empty() -> None:
    assert bars([0, 1, 500, 1000]) == " ▁▄█"
    assert bars([0]) == " "
