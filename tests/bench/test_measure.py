from __future__ import annotations

from collections.abc import Callable

import pytest

from mstasks.bench.measure import TURN, Times, take_turns

Calls = dict[str, Callable[[], None]]


def recorded(clock: object, lengths: dict[str, float], log: list[str]) -> Calls:
    """Calls that move the clock by their length, and write down that they ran."""

    def call(name: str, length: float) -> Callable[[], None]:
        def run() -> None:
            clock.now += length  # type: ignore[attr-defined]
            log.append(name)

        return run

    return {name: call(name, length) for name, length in lengths.items()}


def test_quartiles_and_median_by_hand() -> None:
    times = Times((4.0, 1.0, 2.0, 3.0, 5.0))
    assert times.median == 3.0
    assert times.quartiles == (2.0, 4.0)
    assert Times((1.0, 2.0)).quartiles == (1.25, 1.75)


def test_a_ratio_is_taken_between_neighbours() -> None:
    # The machine slowed down tenfold after the first round: each round says 2, the medians over rounds say 2 too late.
    slow, fast = Times((2.0, 20.0, 20.0)), Times((1.0, 10.0, 4.0))
    assert fast.faster_than(slow) == 2.0
    assert slow.faster_than(fast) == 0.5
    assert slow.median / fast.median == 5.0


def test_calls_take_turns_and_every_second_round_runs_backwards(clock: Callable[[], float]) -> None:
    log: list[str] = []
    calls = recorded(clock, {"a": 1.0, "b": 2.0, "c": 3.0}, log)
    times = take_turns(calls, seconds=0, rounds=3, warm_up=2, clock=clock)
    assert "".join(log) == "aabbcc" + "abc" + "cba" + "abc"
    assert {name: own.seconds for name, own in times.items()} == {"a": (1.0,) * 3, "b": (2.0,) * 3, "c": (3.0,) * 3}


def test_warm_up_is_not_counted(clock: Callable[[], float]) -> None:
    lengths = iter([100.0, 1.0, 1.0, 1.0])

    def call() -> None:
        clock.now += next(lengths)  # type: ignore[attr-defined]

    assert take_turns({"a": call}, seconds=0, rounds=2, warm_up=2, clock=clock)["a"].seconds == (1.0, 1.0)


def test_rounds_go_on_until_the_time_is_over(clock: Callable[[], float]) -> None:
    calls = recorded(clock, {"a": 1.0, "b": 1.0}, [])
    assert (
        len(take_turns(calls, seconds=9, rounds=2, clock=clock)["a"].seconds) == 5
    )  # the round of second 9 is finished
    assert len(take_turns(calls, seconds=9, rounds=7, clock=clock)["b"].seconds) == 7


def test_a_short_call_runs_often_enough_for_the_clock(clock: Callable[[], float]) -> None:
    log: list[str] = []
    calls = recorded(clock, {"short": TURN / 4, "long": TURN * 2}, log)
    times = take_turns(calls, seconds=0, rounds=2, warm_up=1, clock=clock)
    assert log == ["short", "long"] + ["short"] * 4 + ["long"] * 2 + ["short"] * 4
    assert times["short"].median == pytest.approx(TURN / 4)


def test_a_call_that_takes_no_time_ends() -> None:
    assert len(take_turns({"a": lambda: None}, seconds=0, rounds=2, clock=lambda: 0.0)["a"].seconds) == 2


@pytest.mark.parametrize(("rounds", "warm_up"), [(1, 1), (2, 0)])
def test_too_few_rounds_are_refused(rounds: int, warm_up: int) -> None:
    with pytest.raises(ValueError, match=f"`rounds` must be at least 2 .* Found {rounds} and {warm_up}"):
        take_turns({}, 0, rounds=rounds, warm_up=warm_up)
