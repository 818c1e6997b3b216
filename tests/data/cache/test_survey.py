"""Counting and clearing touch what the cache wrote and nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from cache_album import Album
from cache_assertions import load_all, through_cache

from mstasks.data.cache.survey import BLOCK, Survey, clear, survey, sweep


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.is_dir()}


@pytest.fixture
def filled(album: Album, cache: Path) -> Path:
    load_all(through_cache(album))
    return cache


def test_every_entry_is_counted_with_the_blocks_that_it_takes(filled: Path) -> None:
    sizes = [path.stat().st_size for path in files(filled)]
    assert survey(filled) == Survey(6 + 2 * 5, sum(-(-size // BLOCK) * BLOCK for size in sizes))


def test_clearing_leaves_nothing_and_tells_what_it_removed(filled: Path) -> None:
    there = survey(filled)
    beside = filled.parents[1] / "autotune.json"
    beside.write_text("{}")
    assert clear(filled) == there
    assert survey(filled) == clear(filled) == Survey(0, 0)
    assert not filled.parent.exists()
    assert beside.exists()


def test_other_files_and_what_links_name_stay(filled: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    name = "0" * 30
    for path in (outside / name, outside / "ledger"):
        path.write_text("mine")
    shelf = next(path for path in filled.iterdir() if path.is_dir())
    kept = {shelf / "notes.txt", filled / "README", shelf / f"{name}.bak"}
    for path in kept:
        path.write_text("mine")
    (filled / "zz").mkdir()
    (filled / "zz" / name).write_text("mine")
    taken = {path.name for path in filled.iterdir()}
    link_to_folder = filled / next(shelf for shelf in ("e0", "e1", "e2") if shelf not in taken)
    link_to_file = shelf / name
    link_to_folder.symlink_to(outside)
    link_to_file.symlink_to(outside / name)
    assert clear(filled).entries == 16
    assert files(filled) == kept | {filled / "zz" / name, link_to_file}
    assert link_to_folder.is_symlink()
    assert files(outside) == {outside / name, outside / "ledger"}


def test_what_was_left_unfinished_goes_after_an_hour(filled: Path) -> None:
    shelf = next(path for path in filled.iterdir() if path.is_dir())
    old, young = (shelf / f".{'0' * 30}.{number}-abcd.tmp" for number in (1, 2))
    for path in (old, young):
        path.write_bytes(bytes(10))
    os.utime(old, (time.time() - 3700,) * 2)
    entries = {path for path in files(filled) if path != old}
    for path in entries - {young}:
        os.utime(path, (time.time() - 3700,) * 2)
    sweep(filled)
    assert files(filled) == entries
    assert survey(filled).entries == 16
    clear(filled)
    assert not young.exists()


def test_a_cache_that_does_not_exist_holds_nothing(cache: Path) -> None:
    sweep(cache)
    assert survey(cache) == Survey(0, 0)
    assert clear(cache) == Survey(0, 0)
