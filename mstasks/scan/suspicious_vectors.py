"""Normals that are probably of another length or another convention of axes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mstasks.scan.statistics import NOT_UNIT, Directions
from mstasks.scan.wording import share

NOT_UNIT_SHARE = 0.001
"""Share of vectors that may have another length than 1: a few were averaged over a border."""
AWAY_SHARE = 0.5
"""Share of vectors with z > 0 above which they face away from the camera. What is seen faces it; but at the border of
the image a floor or wall may have a small positive z, in NYU-Depth-v2 every tenth pixel has."""
OUTWARD_SHARE = 0.5
"""Share of steep normals near the border that point out of the image; NYU-Depth-v2 has 0.1 %, a ball that fills the
view of a long lens has 100 %."""
OUTWARD_AT_LEAST = 1000
"""Steep normals near the border that this takes: few of them may be noise."""
ROUNDED = "unless these are close views of rounded things through a long lens"


def suspicious_vectors(found: Directions) -> Iterator[str]:
    """Sentences on vector maps.

    Args:
        found: Of all valid vectors of a split.
    """
    if not found.count:
        return
    if found.not_unit > NOT_UNIT_SHARE * found.count:
        odd = f"{share(found.not_unit, found.count)} of the vectors differ from length 1 by more than {NOT_UNIT}"
        if found.negative == 0:
            yield f"{odd} and none has a negative component; it looks like colours: map them back, such as 2 c - 1."
            return  # and of colours no sign means anything
        yield f"{odd}; divide each vector by its length, and mark zero vectors as not valid."
    turned = _turned(_signs(found))
    if turned:
        unless = "" if turned[-1].axis == "z" else f", {ROUNDED}"
        shares = " and ".join(f"{sign.axis} in {share(sign.wrong, sign.known)}" for sign in turned)
        axes = " and ".join(sign.axis for sign in turned)
        yield (
            f"with x right, y down, z forward, what is seen faces the camera; {shares} of the vectors that tell has "
            f"the other sign, as in another convention of axes: negate {axes}{unless}."
        )


class _Sign(NamedTuple):
    """Of how many vectors the sign along an axis is known, how many have the wrong one, and what is suspicious."""

    axis: str
    wrong: int
    known: int
    share: float
    number: int

    @property
    def tells(self) -> bool:
        return self.known >= self.number

    @property
    def is_wrong(self) -> bool:
        return self.tells and self.wrong > self.share * self.known


def _turned(signs: tuple[_Sign, _Sign, _Sign]) -> list[_Sign]:
    """The axes to accuse.

    Where z is right, x or y alone may be wrong, if the other is seen to be right. Otherwise what points out of the
    image may be the sides of rounded things, which a long lens sees: that accuses nothing.
    """
    x, y, z = signs
    wrong = [sign for sign in signs if sign.is_wrong]
    if z.is_wrong or (all(sign.tells for sign in (x, y)) and len(wrong) == 1):
        return wrong
    return []


def _signs(found: Directions) -> tuple[_Sign, _Sign, _Sign]:
    (left, top), (out_x, out_y) = found.sides.tolist(), found.outward.tolist()
    return (
        _Sign("x", out_x, left, OUTWARD_SHARE, OUTWARD_AT_LEAST),
        _Sign("y", out_y, top, OUTWARD_SHARE, OUTWARD_AT_LEAST),
        _Sign("z", found.away, found.count, AWAY_SHARE, 1),
    )
