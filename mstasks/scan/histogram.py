"""Counting values in fixed bins, so that millions of pixels become a few kilobytes and counts of files add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BARS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Bins:
    """Bins of equal width, or of equal ratio, with one more on either side for what lies outside.

    Attributes:
        low: Lower end.
        high: Upper end.
        count: How many bins lie between.
        log: Whether each bin's ends have the same ratio, rather than the same distance.
    """

    low: float
    high: float
    count: int
    log: bool = False

    def fill(self, values: NDArray[np.float32]) -> NDArray[np.int64]:
        """How many values each bin holds.

        Args:
            values: Finite, shape (n,).

        Returns:
            Shape (count + 2,); the first bin holds what is below ``low``, the last what is at or above ``high``.
        """
        position = np.floor(self._scaled(np.maximum(values.astype(np.float64), self._below)))
        index = np.clip(position, -1, self.count).astype(np.intp) + 1
        return np.bincount(index, minlength=self.count + 2)

    @property
    def _below(self) -> float:
        """A value of the first bin whose logarithm exists."""
        return self.low / 2 if self.log else self.low - (self.high - self.low)

    def _scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        low, high = np.log2((self.low, self.high)) if self.log else (self.low, self.high)
        place = np.log2(values) if self.log else values
        scaled: NDArray[np.float64] = (place - low) / (high - low) * self.count
        return scaled

    def centre(self, index: NDArray[np.generic] | float) -> NDArray[np.float64]:
        """The middle of the bin that `fill` counts at this index: geometric if the bins are of equal ratio."""
        share = (np.asarray(index) - 0.5) / self.count
        if self.log:
            return np.asarray(self.low * (self.high / self.low) ** share)
        return np.asarray(self.low + (self.high - self.low) * share)

    def quantile(self, counts: NDArray[np.int64], share: float, least: float, most: float) -> float:
        """The value below which a share of the values lies, right to half a bin where that lies between the ends.

        Args:
            counts: As `fill` gives them, with at least one value.
            share: In [0, 1]; 0.5 is the median.
            least: The smallest value that was counted: the result if that lies below all bins.
            most: The largest: the result if that lies above all bins.
        """
        rank = share * (int(counts.sum()) - 1)
        index = int(np.searchsorted(np.cumsum(counts), rank, side="right"))
        if index == 0 or index == self.count + 1:
            return least if index == 0 else most
        return float(np.clip(self.centre(index), least, most))

    def columns(
        self, counts: NDArray[np.int64], least: float, most: float, number: int = 24
    ) -> tuple[list[float], list[int]]:
        """Neighbouring bins taken together: a histogram from the smallest to the largest value on the bins' scale.

        Args:
            counts: As `fill` gives them, with at least one value.
            least: The smallest value that was counted.
            most: The largest.
            number: How many columns at most.

        Returns:
            The ends of the columns, one more than there are columns, and how many values each holds; what lies outside
            the bins is counted at their ends.
        """
        ends = np.clip(np.floor(self._scaled(np.maximum((least, most), self._below))), 0, self.count - 1)
        first, after = int(ends[0]), int(ends[1]) + 1
        inner = counts[1:-1].copy()
        inner[first] += counts[0]
        inner[after - 1] += counts[-1]
        cuts = np.unique(np.linspace(first, after, min(number, after - first) + 1).round().astype(int))
        return self._lower(cuts).tolist(), np.add.reduceat(inner, cuts[:-1])[: len(cuts) - 1].tolist()

    def _lower(self, index: NDArray[np.intp]) -> NDArray[np.float64]:
        """The lower end of bins counted from 0."""
        return self.centre(index + 0.5)


def bars(counts: Sequence[int]) -> str:
    """A line of bars, the highest of which is full; whatever holds anything can be seen."""
    heights = np.array(counts, np.float64)
    levels = np.ceil(heights / max(1.0, heights.max()) * (len(_BARS) - 1)).astype(int)
    return "".join(_BARS[level] for level in levels)


DEPTHS = Bins(2.0**-10, 2.0**17, 27 * 64, log=True)
"""1 mm to 131 km (millimetres taken for metres fit too), 64 bins an octave: quantiles are right to 0.6 %."""
SHARES = Bins(-0.0005, 1.0005, 1001)
"""Around 0, 0.001, ... 1: quantiles of values in [0, 1] are right to 0.0005, and those of 0 and 1 exact."""
