"""Target kinds: what a label is, and hence how geometry may move it. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Colour = tuple[int, int, int]


class TargetKind(StrEnum):
    """What a label is. Shapes are of a batch; ``valid`` is boolean."""

    LABEL_MAP = "label-map"
    """Class index per pixel: int64 (B, H, W), valid (B, H, W)."""
    DEPTH_MAP = "depth-map"
    """Distance along the optical axis in metres: float32 (B, 1, H, W), valid (B, 1, H, W)."""
    VECTOR_MAP = "vector-map"
    """Unit vector per pixel, camera frame x right, y down, z forward: float32 (B, 3, H, W), valid (B, 1, H, W)."""
    SCALAR_MAP = "scalar-map"
    """Any scalar that geometry only moves, in [0, 1]: float32 (B, 1, H, W), valid (B, 1, H, W)."""
    ATTRIBUTES = "attributes"
    """Binary facts about the whole image, 0 or 1: float32 (B, K), valid (B, K)."""

    @property
    def dense(self) -> bool:
        """Whether there is one value per pixel."""
        return self is not TargetKind.ATTRIBUTES


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """What a data set declares of one target.

    Attributes:
        kind: Its kind.
        names: Class names (label map) or attribute names (attributes), in index order; empty for other kinds.
        pairs: Pairs of class names that a left-right flip swaps, such as ``("left_eye", "right_eye")``.
        colours: RGB per class for pictures; empty to use the default palette.
    """

    kind: TargetKind
    names: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    colours: tuple[Colour, ...] = ()

    def __post_init__(self) -> None:
        named = self.kind in (TargetKind.LABEL_MAP, TargetKind.ATTRIBUTES)
        if named != bool(self.names):
            raise ValueError(f"A {self.kind} target {'needs' if named else 'takes no'} `names`. Found {self.names!r}.")
        unknown = {name for pair in self.pairs for name in pair} - set(self.names)
        if unknown:
            raise ValueError(f"`pairs` speaks of {sorted(unknown)}, which are not among `names`.")
        if self.colours and len(self.colours) != len(self.names):
            raise ValueError(f"`colours` has {len(self.colours)} entries for {len(self.names)} names.")
