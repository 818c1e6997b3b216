"""Which class each part belongs to. Imports neither numpy nor torch."""

from __future__ import annotations

from dataclasses import dataclass

from mstasks_celebamask_hq.names import BACKGROUND, FACE, PAIRS, PARTS


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a segmentation.

    Attributes:
        names: Class names in index order; the first is the background.
        index: For each of `PARTS` its class, 0 where it counts as background.
    """

    names: tuple[str, ...]
    index: tuple[int, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that decide which pixel is of which class: from the first painted one that is no background on."""
        first = next(place for place, index in enumerate(self.index) if index)
        return PARTS[first:]

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Classes that a left-right flip swaps."""
        return tuple(pair for pair in PAIRS if set(pair) <= set(self.names))


def chosen_classes(masks: int | tuple[str, ...]) -> Classes:
    """The classes that a recipe asks for.

    Whatever the choice, a pixel has the class of the part that is on top there among all 18; so fewer classes are
    the 19 with some of them merged.

    Args:
        masks: 19; 3 for background, hair and skin; or the parts to tell from the background, in index order.
    """
    if masks == 3:
        return Classes(
            (BACKGROUND, "hair", "skin"), tuple(1 if part == "hair" else 2 * (part in FACE) for part in PARTS)
        )
    names = masks if isinstance(masks, tuple) else PARTS
    return Classes((BACKGROUND, *names), tuple(names.index(part) + 1 if part in names else 0 for part in PARTS))
