from __future__ import annotations

import random

import pytest
import torch
from episode_lab import make_batch

from mstasks.data.batch import Batch
from mstasks.errors import UsageError
from mstasks.meta.episode import Episode, few_shot, split


def ids(episodes: list[Episode]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(episode.support.ids, episode.query.ids) for episode in episodes]


def test_even_positions_are_support_and_odd_ones_query() -> None:
    assert ids(split(make_batch(6), 1)) == [(("0", "2", "4"), ("1", "3", "5"))]
    assert ids(split(make_batch(8), 2)) == [(("0", "2"), ("1", "3")), (("4", "6"), ("5", "7"))]


def test_every_chunk_starts_at_an_even_position() -> None:
    # Ten images in two: five each would make query images of the second chunk's support.
    episodes = split(make_batch(10), 2)
    assert [len(e.support) + len(e.query) for e in episodes] == [4, 6]
    assert all(int(one) % 2 == 0 for e in episodes for one in e.support.ids)


def test_the_last_image_of_an_odd_batch_is_support() -> None:
    assert ids(split(make_batch(5), 1)) == [(("0", "2", "4"), ("1", "3"))]


def test_images_and_labels_go_with_their_ids() -> None:
    batch = make_batch(6)
    (episode,) = split(batch, 1)
    for side in (episode.support, episode.query):
        for row, one in enumerate(side.ids):
            assert torch.equal(side.images[row], batch.images[int(one)])
            for name, target in side.targets.items():
                assert torch.equal(target.value[row], batch.targets[name].value[int(one)])
                assert torch.equal(target.valid[row], batch.targets[name].valid[int(one)])


def test_support_and_query_are_disjoint_by_id_and_nothing_is_lost() -> None:
    chance = random.Random(0)
    seen, repeated = 0, 0
    for _ in range(200):
        size, count = chance.randint(4, 16), chance.randint(1, 2)
        names = [str(chance.randrange(size)) for _ in range(size)]
        try:
            episodes = [*split(make_batch(size, ids=names), count), *few_shot(make_batch(size, ids=names), count, 1)]
        except UsageError:
            continue
        for part in (episodes[:count], episodes[count:]):
            assert sorted(one for e in part for one in (*e.support.ids, *e.query.ids)) == sorted(names)
        for episode in episodes:
            assert set(episode.support.ids).isdisjoint(episode.query.ids)
            assert episode.support.ids
            assert episode.query.ids
        seen += 1
        repeated += len(set(names)) < size
    assert seen > 100
    assert repeated > 50


def test_a_repeated_id_follows_its_first_image() -> None:
    batch = make_batch(6, ids=["a", "b", "c", "a", "b", "d"])
    assert ids(split(batch, 1)) == [(("a", "c", "a"), ("b", "b", "d"))]


def test_slices_of_ranks_give_the_episodes_of_the_whole() -> None:
    batch = make_batch(16)
    halves = batch.split(2)
    assert [e for half in halves for e in ids(split(half, 2))] == ids(split(batch, 4))
    assert [e for half in halves for e in ids(few_shot(half, 1, 2))] == ids(few_shot(batch, 2, 2))


def test_few_shots_are_the_first_even_positions() -> None:
    (episode,) = few_shot(make_batch(8), 1, 2)
    assert episode.support.ids == ("0", "2")
    assert episode.query.ids == ("1", "3", "4", "5", "6", "7")


def same_ids(size: int) -> Batch:
    return make_batch(size, ids=["a"] * size)


def test_a_set_that_would_be_empty_is_explained() -> None:
    with pytest.raises(UsageError, match=r"4 image\(s\) cannot be cut into 3 .* at least 6, or lower `meta.update.epi"):
        split(make_batch(4), 3)
    with pytest.raises(UsageError, match=r"1 image\(s\) cannot be cut into 1 .*needs a support and a query image"):
        split(make_batch(1), 1)
    with pytest.raises(UsageError, match=r"no query image: all have the id of a support image \('a'\)"):
        split(same_ids(4), 1)
    with pytest.raises(UsageError, match=r"6 images has fewer than 4 at even .*gets 8 images, or lower .*shots"):
        few_shot(make_batch(6), 1, 4)
