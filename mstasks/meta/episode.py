"""Episodes: disjoint support and query images of one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mstasks.data.batch import Batch
from mstasks.errors import UsageError


@dataclass(frozen=True, slots=True)
class Episode:
    """Images to adapt on, and other images to judge the result by; no id is in both.

    Attributes:
        support: What the inner loop sees.
        query: What the outer loss is taken on.
    """

    support: Batch
    query: Batch


def split(batch: Batch, episodes: int) -> list[Episode]:
    """Cut a batch into chunks of consecutive images; even positions of each are support, odd ones query.

    Chunks start at even positions, so that slices of even length give the episodes of the whole batch. An image whose
    id came before in its chunk follows the first one of that id.

    Args:
        batch: At least `2 * episodes` images.
        episodes: How many.

    Raises:
        UsageError: If a support or query set would be empty.
    """
    return [_episode(batch, chunk, chunk[::2]) for chunk in _chunks(len(batch), episodes)]


def few_shot(batch: Batch, episodes: int, shots: int) -> list[Episode]:
    """Cut a batch into chunks; the first `shots` even positions of each are support, and all the rest is query.

    Args:
        batch: At least `2 * episodes` images.
        episodes: How many.
        shots: Support images of an episode, before those that share an id with one of them join.

    Raises:
        UsageError: If a chunk has fewer than `2 * shots` images, or a query set would be empty.
    """
    chunks = _chunks(len(batch), episodes)
    if min(map(len, chunks)) < 2 * shots:
        raise UsageError(
            f"an episode of {min(map(len, chunks))} images has fewer than {shots} at even positions, which are its "
            f"support. Raise `data.batch_size` so that each episode gets {2 * shots} images, or lower "
            "`meta.update.shots`."
        )
    return [_episode(batch, chunk, chunk[: 2 * shots : 2]) for chunk in chunks]


def _chunks(size: int, episodes: int) -> list[range]:
    """Consecutive positions for each episode, as equal as can be with even starts."""
    if size < 2 * episodes:
        raise UsageError(
            f"{size} image(s) cannot be cut into {episodes} episode(s): each needs a support and a query image. "
            f"Raise `data.batch_size` so that a process gets at least {2 * episodes}, or lower `meta.update.episodes`."
        )
    bounds = [2 * (size // 2 * part // episodes) for part in range(episodes)] + [size]
    return [range(low, high) for low, high in pairwise(bounds)]


def _episode(batch: Batch, chunk: range, support: Sequence[int]) -> Episode:
    """The images at `support`, and the others of the chunk; a repeated id goes where its first image went."""
    first: dict[str, bool] = {}
    for position in chunk:
        first.setdefault(batch.ids[position], position in support)
    sides = {side: [at for at in chunk if first[batch.ids[at]] is side] for side in (True, False)}
    if not sides[False]:
        raise UsageError(
            f"an episode of {len(chunk)} images has no query image: all have the id of a support image "
            f"({', '.join(map(repr, list(first)[:3]))}). Train on more images, or lower `data.batch_size`."
        )
    return Episode(batch.take(sides[True]), batch.take(sides[False]))
