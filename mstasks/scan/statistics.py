"""Statistics of labels by kind: of one label, and by adding them up of a whole split."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mstasks.scan.histogram import DEPTHS, SHARES, Bins
from mstasks.target import Target
from mstasks.targets import TargetInfo, TargetKind

NOT_UNIT = 0.05
"""How far a vector's length may be from 1: more than 8-bit and 16-bit storage ever makes of a unit vector."""
FLAT = 0.05
"""A z up to this share of a vector's length may be 0, as of walls seen from the side, with the error of 8 bits."""
STEEP = 0.95
"""A normal with so much of its length along x or y belongs to a wall seen from the side, a floor or a ceiling."""
BORDER = 0.2
"""The part of an image's height or width, at each side, where floors, ceilings and side walls are looked for."""


class _Sums:
    """Adds up field by field."""

    __slots__ = ()

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Classes(_Sums):
    """A label map.

    Attributes:
        counts: Valid pixels per class, int64 (classes,).
    """

    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Answers(_Sums):
    """Attributes.

    Attributes:
        yes: How many images have each, int64 (attributes,).
        annotated: In how many that is known, int64 (attributes,).
        odd: Valid values that are neither 0 nor 1.
    """

    yes: NDArray[np.int64]
    annotated: NDArray[np.int64]
    odd: int


@dataclass(frozen=True, slots=True)
class Values:
    """A depth or scalar map.

    Attributes:
        counts: Valid pixels per bin of `bins`.
        least: Smallest valid value; infinite if there is none.
        most: Largest valid value; minus infinity if there is none.
        whole: How many are whole numbers.
        not_positive: How many are 0 or less.
        compared: Of how many maps the top and the bottom fifth could be compared.
        bottom_farther: In how many of those the bottom has the larger mean.
        bins: What `counts` counts.
    """

    counts: NDArray[np.int64]
    least: float
    most: float
    whole: int
    not_positive: int
    compared: int
    bottom_farther: int
    bins: Bins

    def __add__(self, other: Self) -> Self:
        sums = (getattr(self, name) + getattr(other, name) for name in _VALUE_SUMS)
        whole, not_positive, compared, farther = sums
        least, most = min(self.least, other.least), max(self.most, other.most)
        counts = self.counts + other.counts
        return type(self)(counts, least, most, whole, not_positive, compared, farther, self.bins)

    @property
    def count(self) -> int:
        """How many valid values there are."""
        return int(self.counts.sum())

    def quantile(self, share: float) -> float:
        """See `Bins.quantile`; there must be a value."""
        return self.bins.quantile(self.counts, share, self.least, self.most)


_VALUE_SUMS = ("whole", "not_positive", "compared", "bottom_farther")


@dataclass(frozen=True, slots=True)
class Directions(_Sums):
    """A vector map.

    Attributes:
        count: Valid vectors.
        total: Their sum, float64 (3,).
        not_unit: How many are longer or shorter than 1 by more than `NOT_UNIT`.
        negative: How many have a negative component.
        away: How many have z > 0, beyond `FLAT`: they face away from a camera that looks along z.
        sides: Steep vectors near the left or right border, and near the top or bottom: int64 (2,).
        outward: How many of those point out of the image, as nothing does that a wide view sees there: int64 (2,).
    """

    count: int
    total: NDArray[np.float64]
    not_unit: int
    negative: int
    away: int
    sides: NDArray[np.int64]
    outward: NDArray[np.int64]


Statistics = Classes | Answers | Values | Directions


def measure(info: TargetInfo, label: Target) -> Statistics:
    """Statistics of one label.

    Args:
        info: What the task says of it.
        label: A batch of one; shapes as `mstasks.TargetKind` lists them.
    """
    value, valid = label.value[0].numpy(), label.valid[0].numpy()
    if info.kind is TargetKind.LABEL_MAP:
        return Classes(np.bincount(value[valid], minlength=len(info.names)))
    if info.kind is TargetKind.ATTRIBUTES:
        odd = int((valid & (value != 0) & (value != 1)).sum())
        return Answers((valid & (value > 0.5)).astype(np.int64), valid.astype(np.int64), odd)
    if info.kind is TargetKind.VECTOR_MAP:
        return _directions(value, valid[0])
    return _values(value[0], valid[0], DEPTHS if info.kind is TargetKind.DEPTH_MAP else SHARES)


def _values(value: NDArray[np.float32], valid: NDArray[np.bool_], bins: Bins) -> Values:
    known = value[valid]
    edge = max(1, round(BORDER * len(value)))
    above, below = (value[part][valid[part]] for part in (slice(None, edge), slice(-edge, None)))
    compared = bool(above.size and below.size)
    return Values(
        bins.fill(known),
        float(known.min(initial=np.inf)),
        float(known.max(initial=-np.inf)),
        int((known == np.floor(known)).sum()),
        int((known <= 0).sum()),
        int(compared),
        int(compared and bool(below.mean(dtype=np.float64) > above.mean(dtype=np.float64))),
        bins,
    )


def _directions(value: NDArray[np.float32], valid: NDArray[np.bool_]) -> Directions:
    length = np.sqrt((value * value).sum(0))
    known = value[:, valid]
    borders = [_outward(value, length, valid, axis) for axis in (0, 1)]
    return Directions(
        int(valid.sum()),
        known.sum(1, dtype=np.float64),
        int((np.abs(length[valid] - 1) > NOT_UNIT).sum()),
        int((known < 0).any(0).sum()),
        int((known[2] > FLAT * length[valid]).sum()),
        np.array([sides for sides, _ in borders]),
        np.array([outward for _, outward in borders]),
    )


def _outward(
    value: NDArray[np.float32], length: NDArray[np.float32], valid: NDArray[np.bool_], axis: int
) -> tuple[int, int]:
    """How many steep vectors lie near the two borders of an axis (0: x, 1: y), and how many of them point outwards.

    A surface is seen where its normal n and the ray r = (u, v, 1) to it make n . r < 0. For a steep normal near the
    border of a wide view the term n_x u or n_y v decides, hence what is seen on the left points to the right, and what
    is seen below, such as a floor, points up. In a narrow view n_z decides, as `STEEP` leaves it up to 0.31: within
    some 30 degrees, the side of a ball that is seen on the left points to the left.
    """
    steep = valid & (np.abs(value[axis]) > STEEP * length)
    edge = max(1, round(BORDER * value.shape[2 - axis]))
    low, high = ((slice(None), slice(None, edge)), (slice(None), slice(-edge, None)))
    first, last = (low, high) if axis == 0 else (low[::-1], high[::-1])
    sides = steep[first].sum() + steep[last].sum()
    outward = (steep[first] & (value[axis][first] < 0)).sum() + (steep[last] & (value[axis][last] > 0)).sum()
    return int(sides), int(outward)
