"""What all heads have in common."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from mstasks.features import Features


class Head(nn.Module):
    """Base class: maps `Features` to a task's raw prediction at the resolution of what it reads.

    Attributes:
        reads_trunk: Whether it reads `Features.trunk`. A network none of whose heads does so builds no trunk.
    """

    reads_trunk: ClassVar[bool] = True


def trunk_map(head: Head, features: Features) -> Tensor:
    """The trunk's map, for a head that reads it.

    Raises:
        ValueError: If the network computed none; names the head's class.
    """
    if features.trunk is None:
        raise ValueError(f"`{type(head).__name__}` reads the trunk, but `Features.trunk` is None.")
    return features.trunk
