"""Processes that fill one cache may be killed at any moment: what it serves is whole and right."""

from __future__ import annotations

import multiprocessing
import random
import time
from pathlib import Path

import cache_work
import pytest
from cache_album import ALL, Album, make_album
from cache_assertions import assert_same_samples, forbid_decoding, load_all, through_cache

from mstasks.data.cache.entry import read_entry
from mstasks.data.cache.survey import clear, survey

ROUNDS, SETTINGS = 14, 4


def kill_two_fillers(album: Album, rng: random.Random) -> None:
    """Two processes on the same keys, killed one after the other within moments."""
    context = multiprocessing.get_context("fork")
    fillers = [context.Process(target=cache_work.fill, args=(album.root, 0)) for _ in range(2)]
    for filler in fillers:
        filler.start()
    for filler in fillers:
        time.sleep(rng.uniform(0.01, 0.12))
        assert filler.exitcode is None, "it ended by itself; nothing was killed"
        filler.kill()
        filler.join()


def test_whatever_is_served_after_kills_is_right_and_a_second_run_completes_it(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    album = make_album(tmp_path / "photos", 5, (400, 300))
    settings = [Album(album.root, scale=float(number)) for number in range(SETTINGS)]
    expected = [load_all(dataset) for dataset in settings]
    rng, unfinished, sizes = random.Random(5), 0, []
    for number in range(ROUNDS):
        if number % 3 == 0:
            clear(cache)  # so that there is something to write again
        kill_two_fillers(album, rng)
        entries = [path for path in cache.glob("??/*") if not path.name.startswith(".")]
        for path in entries:
            assert read_entry(str(path), bytes.fromhex(path.parent.name + path.name)) is not None, path
        for dataset, samples in zip(settings, expected, strict=True):
            assert_same_samples(load_all(through_cache(dataset, "read")), samples)
        unfinished += len(list(cache.glob("??/.*")))
        sizes.append(len(entries))
    assert unfinished > 0, "no process was killed while it wrote; the kills prove little"
    assert len(set(sizes)) > 2, "the kills came all at the same stage"
    for dataset, samples in zip(settings, expected, strict=True):
        assert_same_samples(load_all(through_cache(dataset)), samples)
        for id in samples:
            assert all(through_cache(dataset, "read").present(id, ALL).values())
    forbid_decoding(album, monkeypatch)
    for dataset, samples in zip(settings, expected, strict=True):
        assert_same_samples(load_all(through_cache(dataset, "read")), samples)
    assert survey(cache).entries >= 5 + 4 + 4 * SETTINGS
