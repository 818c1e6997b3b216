"""Statistics of scores over seeds or draws: spread, paired difference, delta_m. Imports no torch.

A missing score (None, NaN or infinite, which summaries write as null) is never taken for a number: what could be
computed without it says how many were there and how many were missing.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

Score = float | None
"""A number, or what stands for one that is missing: None, NaN or an infinity."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and sample standard deviation of the scores that are there.

    Attributes:
        count: Scores that are there.
        missing: Scores that are not.
        mean: Their mean; None if there is none.
        sd: Their standard deviation with the divisor ``count - 1``; None below two.
    """

    count: int
    missing: int
    mean: float | None
    sd: float | None


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How much one arm differs from another on the same seeds or draws.

    Attributes:
        count: Pairs of which both scores are there.
        missing: Pairs that were left out because one score is missing.
        mean: Mean of the differences, first minus second; None if there is no pair.
        sd: Their sample standard deviation; None below two pairs.
        interval: Lower and upper bound of the confidence interval of the mean; None below two pairs.
    """

    count: int
    missing: int
    mean: float | None
    sd: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class DeltaM:
    """The mean relative change of the tasks' primary metrics against a baseline.

    Attributes:
        percent: The mean of `changes`; None if there is none.
        changes: By task, its relative change in percent, positive if better.
        left_out: By task that has no change, why: ``missing here``, ``missing in the baseline``, ``0 in the baseline``.
    """

    percent: float | None
    changes: Mapping[str, float]
    left_out: Mapping[str, str]


def is_number(score: Score) -> TypeGuard[float]:
    """Whether a score is there: neither None nor NaN nor infinite."""
    return score is not None and math.isfinite(score)


def spread(scores: Iterable[Score]) -> Spread:
    """Mean and sample standard deviation; missing scores are counted, not averaged."""
    given = list(scores)
    there = [score for score in given if is_number(score)]
    mean = statistics.fmean(there) if there else None
    return Spread(len(there), len(given) - len(there), mean, statistics.stdev(there) if len(there) > 1 else None)


def paired_difference(first: Sequence[Score], second: Sequence[Score], confidence: float = 0.95) -> PairedDifference:
    """The mean difference of paired scores with its two-sided t-interval.

    With the differences ``d_i = first_i - second_i`` of n pairs, their mean ``d`` and sample standard deviation ``s``,
    the interval is ``d ± t s / sqrt(n)``, where t is the ``(1 + confidence) / 2`` quantile of Student's t distribution
    with ``n - 1`` degrees of freedom. It assumes that the differences are independent of each other and normally
    distributed; the scores themselves need not be, and what both arms of a pair share (seed, support images) cancels.
    Draws of support images that overlap depend on each other, and the interval is then too narrow.

    Args:
        first: One score a pair.
        second: The other arm's, of the same seeds or draws in the same order.
        confidence: In (0, 1).

    Returns:
        A single pair has a mean but no interval. Differences that are all equal have an interval of no width.

    Raises:
        ValueError: If the lengths differ, or `confidence` is out of range.
    """
    if len(first) != len(second):
        raise ValueError(f"`first` and `second` must pair up. Found {len(first)} and {len(second)} scores.")
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1, both excluded. Found {confidence}.")
    pairs = zip(first, second, strict=True)
    own = spread(one - other if is_number(one) and is_number(other) else None for one, other in pairs)
    interval = None
    if own.mean is not None and own.sd is not None:
        half = t_quantile((1 + confidence) / 2, own.count - 1) * own.sd / math.sqrt(own.count)
        interval = own.mean - half, own.mean + half
    return PairedDifference(own.count, own.missing, own.mean, own.sd, interval)


def t_quantile(probability: float, freedom: int) -> float:
    """The value that Student's t with so many degrees of freedom (at least 1) stays below with a probability."""
    from scipy.stats import t  # takes a second to import, and few commands need it

    return float(t.ppf(probability, freedom))


def relative_change(score: float, baseline: float, *, higher_is_better: bool) -> float:
    """The change over the baseline's magnitude, positive if better; as a fraction.

    Raises:
        ZeroDivisionError: If the baseline is 0, against which no change is relative.
    """
    return (score - baseline) / abs(baseline) * (1 if higher_is_better else -1)


def delta_m(scores: Mapping[str, Score], baseline: Mapping[str, Score], higher_is_better: Mapping[str, bool]) -> DeltaM:
    """The mean over tasks of the signed relative change of the primary metric, in percent.

    ``delta_m = 100 / T sum_t (-1)^(l_t) (m_t - b_t) / b_t``, with ``l_t = 1`` where lower is better (Maninis,
    Radosavovic and Kokkinos 2019, "Attentive Single-Tasking of Multiple Tasks"). Two differences: the change is over
    ``|b_t|``, which is the same for all metrics that are not negative, so that a baseline below zero does not turn
    better into worse; and tasks that cannot be compared are left out of T and named.

    Args:
        scores: Primary metric by task.
        baseline: The baseline's.
        higher_is_better: Direction by task, of at least the tasks that both have.
    """
    changes: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for task in dict.fromkeys([*baseline, *scores]):
        score, reference = scores.get(task), baseline.get(task)
        if not is_number(reference):
            left_out[task] = "missing in the baseline"
        elif not is_number(score):
            left_out[task] = "missing here"
        elif reference == 0:
            left_out[task] = "0 in the baseline"
        else:
            changes[task] = 100 * relative_change(score, reference, higher_is_better=higher_is_better[task])
    return DeltaM(spread(changes.values()).mean, changes, left_out)
