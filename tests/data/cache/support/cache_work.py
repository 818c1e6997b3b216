"""What other processes do with the cache."""

from __future__ import annotations

from pathlib import Path

from cache_album import Album
from cache_assertions import load_all, through_cache

from mstasks import Sample
from mstasks.data.cache.dataset import CachedDataset


def load(cached: CachedDataset) -> dict[str, Sample]:
    """All samples."""
    return load_all(cached)


def fill(root: Path, first: int) -> None:
    """Load every sample while filling, with one setting after another, until killed."""
    number = first
    while True:
        cached = through_cache(Album(root, scale=float(number)))
        load_all(cached)
        number += 1
