"""One stored number a pixel to metres, or to a number in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mstasks import RawTarget
from mstasks_folder.stored import is_any, one_plane

_SLACK = 1e-3  # of rounding, as in a range of 0 to 255 given as [0, 254.9]


@dataclass(frozen=True, slots=True)
class Depths:
    """Reads depth maps.

    Attributes:
        factor: Metres of a stored 1.
        invalid: Stored values that are no depth.
    """

    lossless: ClassVar[bool] = True

    factor: float
    invalid: tuple[float, ...]

    def __call__(self, stored: NDArray[Any]) -> RawTarget:
        """Metres, float32 (H, W), valid where finite, positive and not declared invalid.

        Raises:
            ValueError: If there is not one number a pixel.
        """
        plane = _numbers(one_plane(stored), "fiu")
        with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, hence not valid
            metres = (plane * np.float64(self.factor)).astype(np.float32)
        valid = np.isfinite(metres) & (metres > 0) & ~is_any(plane, self.invalid)
        return RawTarget(np.where(valid, metres, np.float32(0)), valid)


@dataclass(frozen=True, slots=True)
class Scalars:
    """Reads scalar maps.

    Attributes:
        range: The stored values that mean 0 and 1.
        invalid: Stored values that are no number.
    """

    lossless: ClassVar[bool] = False

    range: tuple[float, float]
    invalid: tuple[float, ...]

    def __call__(self, stored: NDArray[Any]) -> RawTarget:
        """Numbers in [0, 1], float32 (H, W), valid where finite and not declared invalid.

        Raises:
            ValueError: If there is not one number a pixel, or one lies outside the range.
        """
        plane = _numbers(one_plane(stored), "fiub")
        low, high = self.range
        valid = np.isfinite(plane) & ~is_any(plane, self.invalid)
        value = (np.where(valid, plane, low).astype(np.float64) - low) / (high - low)
        outside = (value < -_SLACK) | (value > 1 + _SLACK)
        if outside.any():
            raise ValueError(self._complaint(plane, outside))
        return RawTarget(np.clip(value, 0, 1).astype(np.float32), valid)

    def _complaint(self, plane: NDArray[Any], outside: NDArray[np.bool_]) -> str:
        worst = plane[outside].max() if plane[outside].max() > max(self.range) else plane[outside].min()
        low, high = sorted(self.range)
        top = np.iinfo(plane.dtype).max if plane.dtype in (np.uint8, np.uint16) else 255
        hint = f". If the numbers go to {top}, set `range: [0, {top}]`" if high <= 1 < worst <= top else ""
        return (
            f"must lie within `range`, {low:g} to {high:g}. Found {worst:g}; {outside.sum()} pixels lie outside{hint}"
        )


def _numbers(plane: NDArray[Any], kinds: str) -> NDArray[Any]:
    if plane.dtype.kind not in kinds:
        raise ValueError(f"must hold numbers. Found {plane.dtype} {plane.shape}")
    return plane
