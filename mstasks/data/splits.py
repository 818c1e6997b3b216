"""Splitting ids by their hash: the same on every machine, in whatever order the ids come. Imports no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b


def split_off(ids: Sequence[str], fraction: float = 0.1, seed: int = 0) -> tuple[list[str], list[str]]:
    """Set a part of the ids aside, such as a validation set from a train set that comes without one.

    The ids are ranked by the hash of seed and id, and the first ones are set aside, so neither the order of the ids
    nor the machine matters.

    Args:
        ids: All different.
        fraction: Part to set aside, in (0, 1).
        seed: Another seed sets others aside.

    Returns:
        (kept, set aside), each in the order of ``ids``; the number set aside is the rounded fraction, at least one,
        and at least one id is kept.

    Raises:
        ValueError: If the fraction is out of range, an id repeats, or there are fewer than two ids.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"`fraction` must lie between 0 and 1, both excluded. Found {fraction}.")
    if len(ids) < 2:
        raise ValueError(f"Splitting needs at least two ids. Found {len(ids)}.")
    repeated = [id for id, count in Counter(ids).items() if count > 1]
    if repeated:
        raise ValueError(f"Ids must be unique. {len(repeated)} repeat, such as '{repeated[0]}'.")
    count = min(max(1, round(fraction * len(ids))), len(ids) - 1)
    aside = set(sorted(ids, key=lambda id: _rank(seed, id))[:count])
    return [id for id in ids if id not in aside], [id for id in ids if id in aside]


def _rank(seed: int, id: str) -> bytes:
    return blake2b(f"{seed}:{id}".encode(), digest_size=16).digest()
