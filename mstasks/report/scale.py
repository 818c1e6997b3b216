"""Axes of charts: from values to pixels, with round ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Value = float | None
"""A number; None, NaN or, on a logarithmic axis, a value that is not above zero is a gap."""
_MOST_DECADES = 5


@dataclass(frozen=True, slots=True)
class Axis:
    """What one axis of a chart shows.

    Attributes:
        label: What its values are, with the unit.
        log: Whether it is logarithmic.
        low: Its lower end at the latest; the data may lie below it. None leaves it to the data.
        high: Its upper end at the earliest.
        percent: Whether values are fractions that are written as per cent.
    """

    label: str
    log: bool = False
    low: float | None = None
    high: float | None = None
    percent: bool = False

    def shows(self, value: Value) -> bool:
        """Whether the axis has a place for the value."""
        return value is not None and math.isfinite(value) and (value > 0 or not self.log)

    def written(self, value: float) -> str:
        """A tick's text: 0.25, 20k, 1e-8, 50 %."""
        if self.percent:
            return f"{100 * value:.4g} %"
        if value == 0:
            return "0"
        size = abs(value)
        if size < 1e-3 or size >= 1e9:
            digits, _, power = f"{value:.2e}".partition("e")
            return f"{float(digits):g}e{int(power)}"
        for factor, letter in ((1e6, "M"), (1e3, "k")):
            if size >= max(factor, 1e4 if letter == "k" else 0):
                return f"{value / factor:.4g}{letter}"
        return f"{value:.4g}"


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis with its ends in values and in pixels.

    Attributes:
        axis: The axis.
        low: Value at the first pixel.
        high: Value at the last one; above ``low``.
        ticks: Round values between them.
        start: The first pixel.
        end: The last pixel.
    """

    axis: Axis
    low: float
    high: float
    ticks: Sequence[float]
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value, one tenth of a pixel exact."""
        low, high, here = (math.log10(v) if self.axis.log else v for v in (self.low, self.high, value))
        return round(self.start + (here - low) / (high - low) * (self.end - self.start), 1)


def fitted(axis: Axis, values: Iterable[Value], pixels: tuple[float, float], *, padded: bool, ticks: int = 5) -> Scale:
    """A scale on which all values have a place.

    Args:
        axis: The axis.
        values: The data, ends of error bars included.
        pixels: First and last pixel.
        padded: Whether to leave some room beyond the data, unless an end of the axis says otherwise.
        ticks: About so many.
    """
    shown = [value for value in values if value is not None and axis.shows(value)]
    shown += [end for end in (axis.low, axis.high) if end is not None and axis.shows(end)]
    low, high = (min(shown), max(shown)) if shown else (1.0, 10.0) if axis.log else (0.0, 1.0)
    if axis.log:
        low, high = (low / 1.5, high * 1.5) if padded or low == high else (low, high)
        return Scale(axis, low, high, _decades(low, high, ticks), *pixels)
    room = 0.06 * (high - low) if high > low else 0.1 * abs(high) or 1.0
    if padded or low == high:
        low, high = (low if low == axis.low else low - room), (high if high == axis.high else high + room)
    return Scale(axis, low, high, _round_ticks(low, high, ticks), *pixels)


def _round_ticks(low: float, high: float, count: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * power for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / rough)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, 1 - math.floor(math.log10(step)))
    return [round(index * step, digits) for index in range(first, last + 1)]


def _decades(low: float, high: float, count: int) -> list[float]:
    """Powers of ten, with 2 and 5 times them where the axis spans few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1,) if last - first > 3 else (1, 2, 5) if math.log10(high / low) < 1.5 else (1, 3)
    stride = max(1, -(-(last - first) // max(count, _MOST_DECADES)))
    found = [float(f"{factor}e{power}") for power in range(first, last + 1, stride) for factor in factors]
    return [tick for tick in found if low <= tick <= high]
