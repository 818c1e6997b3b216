"""Numbers of a study as its tables write them."""

from __future__ import annotations

from collections.abc import Iterable

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


def difference(found: Difference | None, baseline: bool) -> str:
    """``+0.0120 [-0.0040, +0.0280] (3 seeds)``; ``baseline`` for the row that others are compared with."""
    if found is None or found.paired.mean is None:
        return "baseline" if baseline else NOTHING
    paired, mean = found.paired, found.paired.mean
    assert mean is not None  # said above, for type checkers
    unit = found.unit if paired.count != 1 else found.unit.rstrip("s")
    if paired.interval is None:
        return f"{signed(mean)} ({paired.count} {unit})"
    low, high = paired.interval
    return f"{signed(mean)} [{signed(low, like=mean)}, {signed(high, like=mean)}] ({paired.count} {unit})"


def number(value: float | None, like: float | None = None) -> str:
    """Four digits behind the point below ten, else two; as many as another number has, if one is given."""
    if value is None:
        return NOTHING
    return f"{value:.{_digits(value if like is None else like)}f}"


def signed(value: float, like: float | None = None) -> str:
    """The same with its sign."""
    return f"{value:+.{_digits(value if like is None else like)}f}"


def _digits(value: float) -> int:
    return 4 if abs(value) < 10 else 2
