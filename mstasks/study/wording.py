"""Numbers of a study as its tables write them."""

from __future__ import annotations

from collections.abc import Iterable

from mstasks.report.wording import digits
from mstasks.statistics import Score, spread
from mstasks.study.results import Difference

NOTHING = "-"


def mean_and_spread(values: Iterable[Score]) -> str:
    """``0.2812 ± 0.0034 (3)``: mean, sample standard deviation, number of values; missing ones are counted too."""
    found = spread(values)
    if found.mean is None:
        return NOTHING if not found.missing else f"{NOTHING} ({found.missing} missing)"
    missing = f", {found.missing} missing" if found.missing else ""
    sd = f" ± {number(found.sd, like=found.mean)}" if found.sd is not None else ""
    return f"{number(found.mean)}{sd} ({found.count}{missing})"


def difference(found: Difference | None, like: float | None) -> str:
    """``+0.0120 [-0.0040, +0.0280] (3 seeds)``.

    Args:
        found: The difference, if there is one.
        like: The score that it is a difference of, which has as many digits.
    """
    if found is None or found.paired.mean is None:
        return NOTHING
    paired, mean = found.paired, found.paired.mean
    like = mean if like is None else like
    unit = found.unit if paired.count != 1 else found.unit.rstrip("s")
    if paired.interval is None:
        return f"{signed(mean, like)} ({paired.count} {unit})"
    low, high = paired.interval
    return f"{signed(mean, like)} [{signed(low, like)}, {signed(high, like)}] ({paired.count} {unit})"


def number(value: float | None, like: float | None = None) -> str:
    """Four digits behind the point below ten, else two; as many as another number has, if one is given."""
    if value is None:
        return NOTHING
    return f"{value:.{digits(value if like is None else like)}f}"


def signed(value: float, like: float) -> str:
    """A number with its sign and as many digits as another has."""
    return f"{value:+.{digits(like)}f}"


def percents(mean: float | None, sd: float | None, interval: tuple[float, float] | None) -> str:
    """``-20.8 ± 1.2 % [-31.3, -10.3]``: percents with one digit behind the point."""
    if mean is None:
        return NOTHING
    spread_ = f" ± {sd:.1f}" if sd is not None else ""
    return f"{mean:+.1f}{spread_} %" + (f" [{interval[0]:+.1f}, {interval[1]:+.1f}]" if interval is not None else "")
