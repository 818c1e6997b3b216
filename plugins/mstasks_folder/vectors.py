"""Stored triples to unit vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mstasks import RawTarget

_SHORTEST, _LONGEST = 0.5, 1.5
"""What lies between is a direction, which rounding, resizing or lossy compression has made shorter or longer."""
_USUAL = (0.9, 1.1)
"""Between these lies the median length of vectors that were unit."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Reads vector maps.

    Attributes:
        encoding: "signed" for floats in [-1, 1]; "unsigned" for a range from 0 that means -1 to 1.
        axes: Which stored component, "x", "y" or "z", points right, down and forward; after "-" the opposite.
        invalid: Stored triples that are no direction.
    """

    lossless: ClassVar[bool] = False

    encoding: str
    axes: tuple[str, str, str]
    invalid: tuple[tuple[float, float, float], ...]

    def __call__(self, stored: NDArray[Any]) -> RawTarget:
        """Unit vectors, x right, y down, z forward, float32 (H, W, 3).

        Valid where the stored triple is finite, not all zero and not declared invalid, and its length is between 0.5
        and 1.5.

        Raises:
            ValueError: If there are not three numbers a pixel, or most of them have another length than 1.
        """
        if stored.ndim != 3 or stored.shape[2] != 3 or stored.dtype.kind not in "fiu":
            raise ValueError(f"must hold three numbers a pixel, (H, W, 3). Found {stored.dtype} {stored.shape}")
        known: NDArray[np.bool_] = (stored != 0).any(axis=2)
        if stored.dtype.kind == "f":
            known &= np.isfinite(stored).all(axis=2)
        for triple in self.invalid:
            known &= (stored != _as_stored(triple, stored.dtype)).any(axis=2)
        vectors = np.where(known[..., None], self._decoded(stored, known), np.float32(0))
        with np.errstate(over="ignore"):  # an infinite length is not valid, or refused if it is the usual one
            lengths = np.sqrt(np.einsum("hwc,hwc->hw", vectors, vectors))
        self._check_lengths(lengths, stored, known)
        valid = (lengths > _SHORTEST) & (lengths < _LONGEST)
        unit = np.where(valid[..., None], vectors, 0) / np.where(valid, lengths, 1)[..., None]
        return RawTarget(self._turned(unit.astype(np.float32, copy=False)), valid)

    def _decoded(self, stored: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[np.float32]:
        floats, signed = stored.dtype.kind == "f", self.encoding == "signed"
        if signed and not floats:
            raise ValueError(
                f"must hold floats from -1 to 1 with `encoding: signed`. Found {stored.dtype}, whose 0 to "
                f"{np.iinfo(stored.dtype).max} mean -1 to 1 with `encoding: unsigned`"
            )
        if signed:
            with np.errstate(over="ignore"):
                return stored.astype(np.float32)
        if not floats and stored.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"must hold uint8, uint16 or floats with `encoding: unsigned`. Found {stored.dtype}")
        low, high = stored[known].min(initial=0), stored[known].max(initial=0)
        if floats and (low < 0 or high > 1):
            raise ValueError(
                f"must hold floats from 0 to 1 with `encoding: unsigned`. Found {low:g} to {high:g}"
                + ("; this looks like `encoding: signed`" if low < 0 and high <= 1 else "")
            )
        top = 1 if floats else np.iinfo(stored.dtype).max
        return (stored * np.float32(2 / top) - 1).astype(np.float32)

    def _check_lengths(self, lengths: NDArray[np.float32], stored: NDArray[Any], known: NDArray[np.bool_]) -> None:
        # Grey means "no direction" in many unsigned maps. Neither 127 nor 128 is quite zero; they say nothing here.
        measured = lengths[lengths > (0.1 if self.encoding == "unsigned" else 0)]
        if not measured.size or _USUAL[0] <= (median := float(np.median(measured))) <= _USUAL[1]:
            return
        hint = ""
        if self.encoding == "signed" and stored[known].min() >= 0:
            bytes_hint = stored[known].max() > 1
            hint = ", and none of its numbers is negative. It looks like "
            hint += "bytes written as floats" if bytes_hint else "`encoding: unsigned`"
        raise ValueError(f"must hold vectors of length 1. Found a median length of {median:.3g}{hint}")

    def _turned(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        order = ["xyz".index(axis[-1]) for axis in self.axes]
        signs = np.array([-1 if axis.startswith("-") else 1 for axis in self.axes], np.float32)
        return np.ascontiguousarray(unit[..., order] * signs)


def _as_stored(triple: tuple[float, float, float], dtype: np.dtype[Any]) -> NDArray[np.floating[Any]]:
    """A declared triple rounded as floats in a file are: 0.1 in float32 is not 0.1 in float64."""
    with np.errstate(over="ignore"):  # what is too large for the file's floats is none of its numbers
        return np.array(triple, dtype if dtype.kind == "f" else np.float64)
