"""Whatever goes wrong with the cache's folder ends filling with one line, and nothing else."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cache_album import INFOS, Album
from cache_assertions import assert_same_array, assert_same_samples, load_all, through_cache

from mstasks.data.cache import store as store_module
from mstasks.data.cache.store import Store
from mstasks.data.cache.survey import survey
from mstasks.data.loader import eval_batches
from mstasks.data.pipeline import Pipeline

ARRAYS = (np.arange(100),)
Capture = pytest.CaptureFixture[str]


def test_entries_are_found_under_their_key(cache: Path) -> None:
    store = Store.open_for_filling(cache, 1 << 20)
    assert store.read(bytes(16)) is None
    assert store.add(bytes(16), ARRAYS) > 800
    found = pickle.loads(pickle.dumps(store)).read(bytes(16))
    assert found is not None
    assert_same_array(found[0], ARRAYS[0])
    assert (cache / "00" / ("0" * 30)).is_file()


def test_a_store_without_room_adds_nothing(cache: Path) -> None:
    store = Store(cache)
    assert store.add(bytes(16), ARRAYS) == 0
    assert not cache.exists()
    assert store.stopped is None


def test_what_cannot_be_stored_is_passed_over(cache: Path) -> None:
    store = Store.open_for_filling(cache, 1 << 20)
    assert store.add(bytes(16), (np.array(["text"]),)) == 0
    assert store.filling


def test_at_its_bound_it_says_so_once_and_goes_on_reading(album: Album, cache: Path, capfd: Capture) -> None:
    for _ in range(2):
        cached = through_cache(album, gib=60_000 / 2**30)
        assert_same_samples(load_all(cached), load_all(album))
        assert not cached.store.filling
    held = survey(cache)
    assert 0 < held.entries < 16
    assert held.bytes <= 60_000 + 2 * 4096  # the ledger, the notice
    said = capfd.readouterr().err
    assert said == (
        f"cache: nothing more is added to {cache}: it has reached its bound of 5.588e-05 GiB, `data.cache_gib`. "
        "What is there is used.\n"
    )


def test_loader_processes_of_several_epochs_say_it_once_together(album: Album, capfd: Capture) -> None:
    cached, pipeline = through_cache(album, gib=20_000 / 2**30), Pipeline([], INFOS, (32, 32))
    for _ in range(2):
        batches = list(eval_batches(cached, album.every(), pipeline, INFOS, 1, workers=2))
        assert len(batches) == 6
    assert capfd.readouterr().err.count("nothing more is added") == 1


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.ENOSPC, "No space left on device"), (errno.EIO, "Input/output error")]
)
def test_a_disk_that_fails_ends_filling(
    album: Album, capfd: Capture, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    def fails(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    cached = through_cache(album)
    monkeypatch.setattr(store_module, "write_entry", fails)
    assert_same_samples(load_all(cached), load_all(album))
    assert f"it cannot be written to: {reason}. What is there is used." in capfd.readouterr().err
    assert cached.store.stopped is not None


def test_a_file_in_the_place_of_the_folder_is_said_once(album: Album, cache: Path, capfd: Capture) -> None:
    cache.parents[1].write_text("no folder")
    for _ in range(2):
        assert_same_samples(load_all(through_cache(album)), load_all(album))
    assert capfd.readouterr().err.count("it cannot be written to: Not a directory") == 1


def test_a_folder_that_may_only_be_read_is_read(
    album: Album, cache: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = album.every()[0]
    through_cache(album).load(first, ("depth",))
    plain = os.open

    def read_only(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR) and str(path).startswith(str(cache)):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return plain(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", read_only)
    cached = through_cache(album)
    assert_same_samples(load_all(cached), load_all(album))
    assert all(cached.present(first, ("image", "depth")).values())
    assert capfd.readouterr().err.count("it cannot be written to: Permission denied") == 1
