"""Stored values or colours to class indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mstasks import RawTarget
from mstasks_folder.stored import one_plane

_UNKNOWN = -2  # -1 is a value that is declared not to be a class


@dataclass(frozen=True, slots=True)
class Classes:
    """Reads label maps.

    Attributes:
        codes: Every allowed stored value, or colour as 0xRRGGBB, with its class or -1.
        colours: Whether they are colours.
    """

    lossless: ClassVar[bool] = True

    codes: tuple[tuple[int, int], ...]
    colours: bool

    def __call__(self, stored: NDArray[Any]) -> RawTarget:
        """Class indices from 0, (H, W), valid where the stored value is a class.

        Raises:
            ValueError: If the file holds a value that is not declared, or no whole numbers, or no colours.
        """
        codes = _packed(stored) if self.colours else _whole(stored)
        found = self._by_search(codes) if self.colours else self._by_table(codes)
        unknown = found == _UNKNOWN
        if unknown.any():
            raise ValueError(self._complaint(codes[unknown]))
        valid = found >= 0
        smallest = np.min_scalar_type(max(index for _, index in self.codes))
        return RawTarget(np.where(valid, found, 0).astype(smallest), valid)

    def _by_table(self, stored: NDArray[Any]) -> NDArray[np.int32]:
        low, high = min(self.codes)[0], max(self.codes)[0]
        table = np.full(high - low + 2, _UNKNOWN, np.int32)
        for code, index in self.codes:
            table[code - low] = index
        # What is out of range is sent to the last entry, which is no declared value.
        inside = (stored >= low) & (stored <= high)
        return table[np.where(inside, stored, high + 1).astype(np.int64) - low]

    def _by_search(self, stored: NDArray[Any]) -> NDArray[np.int32]:
        known, indices = np.array(sorted(self.codes), np.int32).T
        places = np.minimum(np.searchsorted(known, stored), len(known) - 1)
        return np.where(known[places] == stored, indices[places], np.int32(_UNKNOWN))

    def _complaint(self, unknown: NDArray[Any]) -> str:
        values, counts = np.unique(unknown, return_counts=True)
        most = sorted(zip(counts.tolist(), values.tolist(), strict=True), reverse=True)[:3]
        shown = ", ".join(f"{self._shown(value)} at {count} pixels" for count, value in most)
        more = f" and {len(values) - 3} more" if len(values) > 3 else ""
        if self.colours:
            return f"holds colours that are neither in `colours` nor in `invalid_colours`: {shown}{more}"
        declared = sorted(code for code, _ in self.codes)
        some = ", ".join(map(str, declared[:10])) + (f", ... {declared[-1]}" if len(declared) > 10 else "")
        return f"holds values that are neither a class nor in `invalid`: {shown}{more}. Declared are {some}"

    def _shown(self, code: int) -> str:
        return str([code >> 16, code >> 8 & 255, code & 255]) if self.colours else str(code)


def _whole(stored: NDArray[Any]) -> NDArray[Any]:
    try:
        plane = one_plane(stored)
    except ValueError as error:
        raise ValueError(f"{error}. A picture that codes classes by colour is declared with `colours`") from error
    if plane.dtype.kind not in "iub":
        raise ValueError(f"must hold whole numbers, one a class. Found {stored.dtype} {stored.shape}")
    return plane.astype(np.uint8) if plane.dtype.kind == "b" else plane


def _packed(stored: NDArray[Any]) -> NDArray[np.int32]:
    if stored.dtype != np.uint8 or stored.ndim != 3 or stored.shape[2] != 3:
        palette = "; a palette picture's numbers are declared with `names` or `values`" if stored.ndim == 2 else ""
        raise ValueError(f"must be a picture of 8-bit colours. Found {stored.dtype} {stored.shape}{palette}")
    red, green, blue = stored.transpose(2, 0, 1).astype(np.int32)
    codes: NDArray[np.int32] = red << 16 | green << 8 | blue
    return codes
