"""Filling ahead of training: what it will take is told before, and what could not be read after."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cache_album import ALL, Album, make_album
from cache_assertions import assert_same_samples, forbid_decoding, load_all, through_cache

from mstasks.data.cache.dataset import CachedDataset
from mstasks.data.cache.entry import Arrays, entry_bytes
from mstasks.data.cache.filling import Outcome
from mstasks.data.cache.survey import on_disk, survey
from mstasks.data.cache.warm import Estimate, estimate, fill
from mstasks.errors import MstasksError


def filled(album: Album, workers: int = 0, gib: float = 1.0) -> Outcome:
    outcome = Outcome("folder", 6)
    for done in fill(through_cache(album, gib=gib), album.every(), ALL, workers):
        outcome.add(done)
    return outcome


@pytest.mark.parametrize("workers", [0, 2])
def test_everything_is_added_once(album: Album, cache: Path, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    expected = load_all(album)
    first = filled(album, workers)
    assert (first.done, first.added, first.present, first.unreadable) == (6, 16, 0, 0)
    assert first.bytes == sum(path.stat().st_size for path in cache.glob("??/*"))
    again = filled(album, workers)
    assert (again.done, again.added, again.bytes, again.present) == (6, 0, 0, 16)
    forbid_decoding(album, monkeypatch)
    assert_same_samples(load_all(through_cache(album, "read")), expected)


def test_the_estimate_is_what_is_then_added_where_all_samples_are_looked_at(album: Album, cache: Path) -> None:
    before = estimate(through_cache(album), album.every(), ALL)
    assert (before.images, before.partial) == (6, False)
    filled(album)
    assert survey(cache).bytes - 4096 <= before.bytes <= survey(cache).bytes
    assert estimate(through_cache(album), album.every(), ALL) == Estimate(6, 0, True)


def test_the_estimate_of_many_is_made_from_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    album = make_album(tmp_path / "many", 400, (16, 16))
    cached, decoded = through_cache(album), []
    plain = CachedDataset.decode
    parts = [(id, part) for id in album.every() for part in ("image", "classes", "depth")]
    sizes = [on_disk(entry_bytes(plain(cached, id, part))) for id, part in parts if (id, part) != ("p399", "depth")]

    def decode(self: CachedDataset, id: str, part: str) -> Arrays:
        decoded.append((id, part))
        return plain(self, id, part)

    monkeypatch.setattr(CachedDataset, "decode", decode)
    found = estimate(cached, album.every(), ALL, seed=1)
    assert len(decoded) == 3 * 16
    assert (found.images, found.partial) == (400, False)
    assert found.bytes == pytest.approx(sum(sizes), rel=0.05)
    assert estimate(cached, [], ALL) == Estimate(0, 0, False)


def test_what_cannot_be_read_is_counted_and_named_and_the_rest_is_added(album: Album) -> None:
    (album.root / "p1.jpg").write_bytes(b"rubbish")
    (album.root / "p2.npy").write_bytes(b"rubbish")
    (album.root / "p3.jpg").unlink()
    cached = through_cache(album)
    outcome = Outcome("folder", 6)
    for done in fill(cached, [f"p{number}" for number in range(6)], ALL, 0):
        outcome.add(done)
    assert (outcome.done, outcome.unreadable, outcome.added) == (6, 3, 16 - 3)
    assert [id for id, _ in outcome.problems] == ["p1", "p2", "p3"]
    for (id, reason), name in zip(outcome.problems, ["p1.jpg", "p2.npy", "p3.jpg"], strict=True):
        assert name in reason, id
    assert cached.present("p1", ALL) == {"image": False, "classes": True, "depth": True}


def test_only_the_first_few_problems_are_kept(tmp_path: Path) -> None:
    album = make_album(tmp_path / "bad", 9)
    for file in album.root.glob("*.jpg"):
        file.write_bytes(b"rubbish")
    outcome = filled(album)
    assert outcome.unreadable == 9
    assert [problem["id"] for problem in outcome.document()["problems"]] == ["p0", "p1", "p2", "p3", "p4"]


def test_a_loader_process_that_dies_is_one_sentence(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Album, "image", lambda self, id: os._exit(9))
    with pytest.raises(MstasksError, match=r"a loader process died, .* What is in the cache stays; the same command"):
        filled(album, workers=1)


def test_a_full_cache_says_why_and_how_far_it_came(album: Album) -> None:
    outcome = filled(album, gib=60_000 / 2**30)
    assert outcome.stopped is not None
    assert outcome.stopped.startswith("it has reached its bound")
    assert 0 < outcome.done < 6
