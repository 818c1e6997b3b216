"""Several files at once, in order, and no more threads than a process may call its own."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace

import pytest

from mstasks.data import threads
from mstasks.data.threads import iterate_threads, map_threads


def processors(monkeypatch: pytest.MonkeyPatch, count: int, workers: int = 0) -> None:
    monkeypatch.setattr(threads, "_processors", lambda: count)
    info = SimpleNamespace(num_workers=workers) if workers else None
    monkeypatch.setattr(threads, "get_worker_info", lambda: info)


def test_results_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    processors(monkeypatch, 4)
    assert map_threads(lambda number: number * number, range(50)) == [number * number for number in range(50)]


@pytest.mark.parametrize(
    ("count", "workers", "alone"), [(1, 0, True), (2, 2, True), (4, 3, True), (2, 0, False), (4, 2, False)]
)
def test_a_process_takes_its_share(monkeypatch: pytest.MonkeyPatch, count: int, workers: int, alone: bool) -> None:
    processors(monkeypatch, count, workers)
    names = set(map_threads(lambda _: threading.current_thread().name, range(20)))
    assert (names == {threading.main_thread().name}) == alone
    assert len(names) <= count // max(workers, 1)


@pytest.mark.parametrize(("beside", "threads_each"), [(None, 8), ("2", 6), ("12", 1), ("24", 0)])
def test_processes_of_torchrun_share_the_processors(
    monkeypatch: pytest.MonkeyPatch, beside: str | None, threads_each: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)), raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    if beside is not None:
        monkeypatch.setenv("LOCAL_WORLD_SIZE", beside)
    assert threads._processors() == threads_each


def test_the_first_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    processors(monkeypatch, 2)

    def fail(number: int) -> int:
        if number > 2:
            raise ValueError(f"no {number}")
        return number

    with pytest.raises(ValueError, match="no 3"):
        map_threads(fail, range(9))


def test_threads_within_threads_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    processors(monkeypatch, 2)
    tables = map_threads(lambda row: map_threads(lambda column: row * column, range(5)), range(8))
    assert tables == [[row * column for column in range(5)] for row in range(8)]


def test_a_forked_process_has_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    processors(monkeypatch, 2)
    assert map_threads(abs, [-1, -2]) == [1, 2]
    child = os.fork()
    if child == 0:  # the threads of the parent are not here: whoever waits for them waits for ever
        os._exit(0 if map_threads(abs, [-3, -4]) == [3, 4] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_results_one_by_one_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    for count in (1, 3):
        processors(monkeypatch, count)
        assert list(iterate_threads(lambda number: number * number, range(50))) == [n * n for n in range(50)]


def test_of_fewer_items_than_threads_each_may_use_threads_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    processors(monkeypatch, 4)

    def names(_: int) -> set[str]:
        return set(map_threads(lambda _: threading.current_thread().name, range(20)))

    assert all(threading.main_thread().name not in found for found in iterate_threads(names, range(3)))
    assert all(len(found) == 1 for found in iterate_threads(names, range(4)))


def test_no_more_results_wait_than_there_are_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    processors(monkeypatch, 3)
    begun: list[int] = []
    results = iterate_threads(begun.append, range(50))
    for taken in range(1, 20):
        next(results)
        assert len(begun) <= taken + 3


def test_an_error_comes_when_its_turn_comes_and_ends_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    processors(monkeypatch, 2)
    begun: list[int] = []

    def fail(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise ValueError(f"no {number}")
        return number

    results = iterate_threads(fail, range(50))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="no 3"):
        next(results)
    assert list(results) == []
    assert max(begun) <= 6
