"""Which images the contact sheet shows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping


def choose(labelled: Mapping[str, frozenset[str]], count: int, seed: int) -> list[str]:
    """Draw images that have labels, so that every task is seen as early as can be.

    Args:
        labelled: The tasks that each image has labels for, by id.
        count: How many to draw at most.
        seed: Another seed draws others.

    Returns:
        Different ids. Each has labels for as many tasks as possible that those before it lack; then comes the
        combination of labels that was shown the least, so that a partly labelled set shows all its parts; then the
        one with the most labels; among equals the seed decides.
    """
    rest = [id for id, tasks in labelled.items() if tasks]
    random.Random(seed).shuffle(rest)
    chosen: list[str] = []
    seen: frozenset[str] = frozenset()
    shown: Counter[frozenset[str]] = Counter()
    while rest and len(chosen) < count:
        best = max(rest, key=lambda id: (len(labelled[id] - seen), -shown[labelled[id]], len(labelled[id])))
        rest.remove(best)
        chosen.append(best)
        seen |= labelled[best]
        shown[labelled[best]] += 1
    return chosen
