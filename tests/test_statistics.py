"""Spread, paired differences and delta_m: what scipy says, what hand gives, and no number made of a missing one."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from mstasks.statistics import delta_m, paired_difference, relative_change, spread, t_quantile

MISSING = (None, float("nan"), float("inf"), -float("inf"))
DIRECTIONS = {"segmentation": True, "depth": False}


def test_mean_and_sample_standard_deviation_by_hand() -> None:
    found = spread([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])  # squared deviations sum to 32
    assert (found.count, found.missing, found.mean) == (8, 0, 5.0)
    assert found.sd == pytest.approx(math.sqrt(32 / 7))


@pytest.mark.parametrize("missing", MISSING)
def test_a_missing_score_is_counted_and_changes_nothing_else(missing: float | None) -> None:
    found, without = spread([1.0, missing, 4.0]), spread([1.0, 4.0])
    assert (found.mean, found.sd, found.count, found.missing) == (without.mean, without.sd, 2, 1)


def test_too_few_scores_give_no_number() -> None:
    assert (spread([]).mean, spread([]).sd) == (None, None)
    assert (spread([None]).mean, spread([None]).missing) == (None, 1)
    assert (spread([3.0]).mean, spread([3.0]).sd) == (3.0, None)


@pytest.mark.parametrize("count", [2, 3, 5, 40])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_the_paired_interval_is_scipys(count: int, confidence: float) -> None:
    draw = np.random.default_rng(count)
    shared = draw.normal(40, 10, count)
    first, second = (shared + draw.normal(shift, 1, count) for shift in (0.0, 0.7))
    truth = stats.ttest_rel(first, second).confidence_interval(confidence)
    found = paired_difference(first.tolist(), second.tolist(), confidence)
    assert found.interval == pytest.approx((truth.low, truth.high), rel=1e-9)
    assert found.mean == pytest.approx(np.mean(first - second))
    assert found.sd == pytest.approx(np.std(first - second, ddof=1))


def test_a_paired_interval_by_hand() -> None:
    found = paired_difference([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])  # differences 1, 2, 3; t(0.975, 2) = 4.302653
    assert (found.count, found.mean, found.sd) == (3, 2.0, 1.0)
    assert found.interval == pytest.approx((2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)), rel=1e-6)


def test_the_interval_holds_the_true_difference_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    inside = 0
    for _ in range(2000):
        first = draw.normal(1.0, 2.0, 4)
        low, high = paired_difference(first.tolist(), [0.0] * 4).interval or (0.0, 0.0)
        inside += low <= 1.0 <= high
    assert inside / 2000 == pytest.approx(0.95, abs=0.015)  # three standard deviations of the count


def test_what_both_arms_share_cancels() -> None:
    paired = paired_difference([10.0, 20.0, 31.0], [9.0, 18.9, 30.1])
    assert paired.interval is not None
    assert paired.interval[0] > 0  # although the scores of each arm spread over 20


def test_one_pair_has_no_interval_and_none_no_mean() -> None:
    one = paired_difference([3.0], [1.0])
    assert (one.count, one.mean, one.sd, one.interval) == (1, 2.0, None, None)
    none = paired_difference([], [])
    assert (none.count, none.mean, none.interval) == (0, None, None)


def test_equal_differences_have_an_interval_of_no_width() -> None:
    assert paired_difference([2.0, 3.0, 4.0], [1.0, 2.0, 3.0]).interval == (1.0, 1.0)


@pytest.mark.parametrize("missing", MISSING)
def test_a_pair_that_lacks_a_score_is_left_out_whole(missing: float | None) -> None:
    found = paired_difference([1.0, missing, 4.0, 8.0], [0.5, 7.0, missing, 7.0])
    assert (found.count, found.missing, found.mean) == (2, 2, 0.75)


def test_scores_that_do_not_pair_up_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`first` and `second` must pair up. Found 2 and 1 scores"):
        paired_difference([1.0, 2.0], [1.0])


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_outside_of_zero_to_one_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match=f"`confidence` must lie between 0 and 1, both excluded. Found {confidence}"):
        paired_difference([1.0, 2.0], [1.0, 1.0], confidence)


def test_t_quantiles_of_the_tables() -> None:
    assert [t_quantile(0.975, freedom) for freedom in (1, 4, 30)] == pytest.approx([12.706, 2.776, 2.042], abs=5e-4)


def test_a_change_is_positive_if_better() -> None:
    assert relative_change(0.6, 0.5, higher_is_better=True) == pytest.approx(0.2)
    assert relative_change(0.6, 0.5, higher_is_better=False) == pytest.approx(-0.2)
    assert relative_change(-0.4, -0.5, higher_is_better=True) == pytest.approx(0.2)


def test_delta_m_by_hand() -> None:
    found = delta_m({"segmentation": 0.36, "depth": 0.57}, {"segmentation": 0.40, "depth": 0.60}, DIRECTIONS)
    assert found.changes == pytest.approx({"segmentation": -10.0, "depth": 5.0})
    assert found.percent == pytest.approx(-2.5)
    assert found.left_out == {}


def test_delta_m_against_itself_is_zero() -> None:
    scores = {"segmentation": 0.3, "depth": 0.7}
    assert delta_m(scores, scores, DIRECTIONS).percent == 0


def test_tasks_without_a_change_are_left_out_of_delta_m_and_named() -> None:
    scores = {"segmentation": 0.3, "depth": None, "edges": 0.5, "normals": 40.0, "parts": 0.1}
    baseline = {"segmentation": 0.2, "depth": 0.7, "edges": 0.0, "attributes": 0.8, "parts": float("nan")}
    found = delta_m(scores, baseline, dict.fromkeys([*scores, *baseline], True))
    assert found.percent == pytest.approx(50.0)
    assert list(found.changes) == ["segmentation"]
    assert found.left_out == {
        "depth": "missing here",
        "edges": "0 in the baseline",
        "attributes": "missing here",
        "parts": "missing in the baseline",
        "normals": "missing in the baseline",
    }


def test_without_a_common_task_there_is_no_delta_m() -> None:
    found = delta_m({"depth": 0.5}, {"segmentation": 0.5}, DIRECTIONS)
    assert (found.percent, found.changes) == (None, {})


def test_neither_torch_nor_scipy_is_imported_until_an_interval_is_wanted() -> None:
    code = (
        "import sys, mstasks.statistics as s; light = not {'scipy', 'torch', 'numpy'} & set(sys.modules);"
        "s.paired_difference([1, 2], [0, 0]); sys.exit(not (light and 'scipy' in sys.modules and 'torch' not in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
