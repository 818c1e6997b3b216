"""How many gradient steps so many labelled images are worth."""

from __future__ import annotations

import math
from itertools import pairwise

_MEASURED = ((5, 30), (10, 60), (50, 180))
"""(images, steps) that did best on NYU-v2 normals and depth; more of either overfit or was not needed."""


def steps_for(shots: int) -> int:
    """Gradient steps for a number of labelled images: 30 for 5, 60 for 10, 180 for 50.

    Between and beyond these by a straight line through the logarithms of both, at least 6.
    """
    segments = list(pairwise(_MEASURED))
    (low, few), (high, many) = next((pair for pair in segments if shots <= pair[1][0]), segments[-1])
    slope = math.log(many / few) / math.log(high / low)
    return max(6, round(few * math.pow(shots / low, slope)))
