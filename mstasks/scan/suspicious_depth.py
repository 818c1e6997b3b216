"""Depths that are probably not in metres."""

from __future__ import annotations

from collections.abc import Iterator

from mstasks.scan.statistics import Values
from mstasks.scan.wording import share

MILLIMETRES = 400.0
"""A median from here on: rooms and streets are half a metre to 40 m deep, and no camera sees 400 m on average. In
millimetres 0.4 m already gives it. If only the 99 % quantile is here, the unit is mixed."""
CENTIMETRES = 80.0
"""A median from here on: laser scanners of cars end there, while rooms in centimetres begin there."""
GREY = (20.0, 255.0)
"""Whole numbers whose largest lies here are grey levels of an 8-bit picture: metres have digits behind the point."""
NORMALISED = 1.0
"""If nothing is farther than a metre, a map scaled to 0..1 is likelier than a set of close-ups."""
UPRIGHT_SHARE = 0.8
"""Share of images whose bottom fifth is farther than the top fifth. A camera that is held upright sees the ground in
front of it below and what is far above: in 3 % of the frames of NYU-Depth-v2 it is the other way round."""
UPRIGHT_AT_LEAST = 20
"""Images that this takes."""


def suspicious_depth(found: Values) -> Iterator[str]:
    """Sentences on depth maps.

    Args:
        found: Of all valid pixels of a split; at least one.
    """
    if found.not_positive:
        yield (
            f"{share(found.not_positive, found.count)} of the valid pixels are 0 or less, which no distance is; mark "
            "them as not valid."
        )
    unit = _unit(found)
    if unit:
        yield unit
    if found.compared >= UPRIGHT_AT_LEAST and found.bottom_farther > UPRIGHT_SHARE * found.compared:
        yield (
            f"in {found.bottom_farther} of {found.compared} images the bottom is farther away than the top; it looks "
            "like inverse depth (disparity), or like labels upside down: invert the values, or turn the labels."
        )


def _unit(found: Values) -> str | None:
    median, high = found.quantile(0.5), found.quantile(0.99)
    spread = f"the median is {median:.4g} and 99 % lie below {high:.4g}, where metres are expected"
    whole = found.whole == found.count
    if found.least == found.most:
        return f"every valid pixel is {found.least:g}; there is nothing to learn, so look at the values in the files."
    if whole and GREY[0] < found.most <= GREY[1]:
        grey = f"all values are whole numbers up to {found.most:g}"
        return f"{grey}; it looks like an 8-bit picture of depth, whose scale must be known before it can be used."
    if median >= MILLIMETRES:
        return f"{spread}; it looks like millimetres (or another fine unit of a 16-bit picture): divide by 1000."
    if median >= CENTIMETRES:
        return f"{spread}; it looks like centimetres: divide by 100."
    if high >= MILLIMETRES:
        return (
            f"{spread}; some images look like millimetres: bring all to metres; if it is a number that stands for the "
            "sky or for missing pixels, mark those as not valid."
        )
    if found.most <= NORMALISED:
        return (
            f"nothing is farther than {found.most:.4g}; unless everything is nearer than a metre, it looks like a map "
            "scaled to 0..1: multiply by the distance that 1 stands for."
        )
    return None
