"""The cache never takes more than it may, however many processes fill it."""

from __future__ import annotations

import os
import pickle
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from mstasks.data.cache.room import Room, lacking_disk
from mstasks.data.cache.survey import LEDGER, clear

BLOCK = 4096
Usage = namedtuple("Usage", "total used free")


def entry(folder: Path, number: int, length: int) -> Path:
    path = folder / f"{number:02x}" / f"{number:030x}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(length))
    return path


def test_what_is_there_and_what_is_added_count_in_whole_blocks(cache: Path) -> None:
    cache.mkdir(parents=True)
    entry(cache, 1, BLOCK + 1)
    room = Room.open(cache, 5 * BLOCK)
    assert room.held() == 2 * BLOCK
    assert room.take(1) is None
    assert room.take(2 * BLOCK) is None
    assert room.held() == 5 * BLOCK
    assert room.take(1) == "it has reached its bound of 1.907e-05 GiB, `data.cache_gib`"


def test_what_others_add_counts(cache: Path) -> None:
    one = Room.open(cache, 4 * BLOCK)
    other = pickle.loads(pickle.dumps(one))
    late = Room.open(cache, 4 * BLOCK)
    for room in (one, other, late, one):
        assert room.take(BLOCK) is None
    for room in (one, other, late):
        assert room.take(BLOCK) is not None


def test_an_opening_counts_what_is_there_not_what_was_reserved_by_the_killed(cache: Path) -> None:
    room = Room.open(cache, 4 * BLOCK)
    assert room.take(4 * BLOCK) is None
    again = Room.open(cache, 4 * BLOCK)
    assert again.held() == BLOCK  # of the ledger itself
    assert again.take(3 * BLOCK) is None


@pytest.mark.parametrize("same_file", [False, True])
def test_a_cache_that_is_cleared_meanwhile_has_room_again(cache: Path, same_file: bool) -> None:
    """Even if the disk gives the new ledger the place (inode) of the old one, which emptying the old one stands for."""
    cache.mkdir(parents=True)
    entry(cache, 1, 3 * BLOCK)
    room = Room.open(cache, 4 * BLOCK)
    assert room.take(BLOCK) is None
    if same_file:
        os.truncate(cache / LEDGER, 0)
    else:
        clear(cache)
        cache.mkdir(parents=True)
    assert room.held() == 0
    assert room.take(4 * BLOCK) is None
    assert room.held() == 4 * BLOCK
    assert room.take(1) is not None


def test_a_cache_that_is_cleared_and_filled_by_others_meanwhile_counts_what_they_add(cache: Path) -> None:
    room = Room.open(cache, 30 * BLOCK)
    assert room.take(20 * BLOCK) is None
    clear(cache)
    other = Room.open(cache, 30 * BLOCK)
    assert other.take(10 * BLOCK) is None
    assert other.held() == 10 * BLOCK
    assert room.held() == 26 * BLOCK  # the name of the ledger, 16 bytes, counts as well


def test_who_comes_second_in_the_same_moment_gets_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (Room.open(cache, 4 * BLOCK) for _ in range(2))
    plain, taken = os.write, []

    def interrupted(descriptor: int, content: bytes) -> int:
        monkeypatch.undo()
        taken.append(other.take(3 * BLOCK))
        return plain(descriptor, content)

    monkeypatch.setattr(os, "write", interrupted)
    assert one.take(3 * BLOCK) is not None
    assert taken == [None]


def test_processes_that_take_at_the_same_time_never_exceed_the_bound(cache: Path, tmp_path: Path) -> None:
    room, children = Room.open(cache, 500 * BLOCK), []
    for number in range(4):
        child = os.fork()
        if child == 0:
            taken = 0
            while room.take(3 * BLOCK) is None:
                taken += 3
            (tmp_path / f"{number}.txt").write_text(str(taken))
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    taken = sum(int((tmp_path / f"{number}.txt").read_text()) for number in range(4))
    assert 500 - 4 * 3 <= taken <= 500


@pytest.mark.parametrize(
    ("total", "free", "size", "refused"),
    [
        (1000, 2, 0.9, None),
        (1000, 2, 1.1, "its disk has 2 GiB left, of which 1 GiB are kept free"),
        (10, 1, 0.4, None),
        (10, 1, 0.6, "its disk has 1 GiB left, of which 0.5 GiB are kept free"),
    ],
)
def test_some_of_the_disk_stays_free(
    cache: Path, monkeypatch: pytest.MonkeyPatch, total: float, free: float, size: float, refused: str | None
) -> None:
    gib = 1 << 30
    room = Room.open(cache, 10 * gib)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(total * gib, (total - free) * gib, free * gib))
    assert lacking_disk(cache, round(size * gib)) == refused
    if refused is not None:
        assert room.take(round(size * gib)) == refused
