"""Who is read through the cache, and who is not."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest
from cache_album import Album
from cache_assertions import load_all, through_cache

from mstasks import Sample
from mstasks.data.cache import opening
from mstasks.data.cache.folder import cache_folder, entries_folder
from mstasks.data.cache.opening import announcement, cacheable, with_cache


class Whole(Album):
    """Loads in a way of its own, which part by part reading would bypass."""

    def load(self, id: str, targets: Collection[str]) -> Sample:
        return super().load(id, ())


def test_the_folder_is_the_one_that_is_set_or_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"
    assert entries_folder() == tmp_path / "cache" / "data" / "v2"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MSTASKS_CACHE", "here")
    assert cache_folder() == tmp_path / "here"
    monkeypatch.setenv("MSTASKS_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert cache_folder().is_relative_to(tmp_path)


def test_off_and_a_cache_that_does_not_exist_leave_the_data_set_as_it_is(album: Album, cache: Path) -> None:
    assert with_cache(album, Album, "read", 1.0) is album
    assert not cache.exists()
    load_all(through_cache(album))
    assert with_cache(album, Album, "off", 1.0) is album
    assert with_cache(album, Album, "read", 1.0) is not album


def test_reading_writes_nothing(album: Album, cache: Path) -> None:
    cache.mkdir(parents=True)
    load_all(through_cache(album, "read"))
    assert list(cache.iterdir()) == []


def test_who_loads_in_a_way_of_its_own_is_left_alone(album: Album) -> None:
    whole = Whole(album.root)
    assert not cacheable(Whole)
    assert with_cache(whole, Whole, "fill", 1.0) is whole
    assert with_cache(album, Whole, "fill", 1.0) is album  # one that wraps such a data set


def test_a_data_set_that_reads_no_files_is_left_alone(cache: Path) -> None:
    class Rendered:
        """Only what the contract of data sets asks for."""

    dataset = Rendered()
    assert with_cache(dataset, Rendered, "fill", 1.0) is dataset  # type: ignore[arg-type, comparison-overlap]
    assert not cache.exists()


def test_a_data_set_whose_code_is_unknown_is_left_alone(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "code_of", lambda _: None)
    assert with_cache(album, Album, "fill", 1.0) is album


def test_filling_announces_folder_size_and_bound(album: Album, cache: Path) -> None:
    assert announcement(album) is None
    assert announcement(through_cache(album, gib=2.5)) == (
        f"cache: decoded files are added to {cache}, which holds 0 of at most 2.5 GiB."
    )
    assert announcement(through_cache(album, "read")) is None
