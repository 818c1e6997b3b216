"""Numbers with few digits, so that files stay small."""

from __future__ import annotations


def significant(value: float, digits: int = 4) -> float:
    """The value rounded to so many significant digits; NaN and infinities as they are."""
    return float(f"{value:.{digits}g}")
