"""Times of calls that take turns, so that a machine that slows down slows all of them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Clock = Callable[[], float]
Call = Callable[[], object]

TURN = 0.02
"""Seconds that a turn lasts at least: a call as short as a millisecond runs often enough that neither the clock counts,
nor what the call before it left in the processor's caches."""


@dataclass(frozen=True, slots=True)
class Times:
    """What one call took.

    Attributes:
        seconds: One number a round, the mean over that round's runs; at least two. The same position of two calls is
            the same round.
    """

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median, seconds."""
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """First and third quartile, interpolated between the observed times, seconds."""
        first, _, third = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return first, third

    def faster_than(self, other: Times) -> float:
        """How many times faster this call is: the median over rounds of the other's time over this one's.

        Neighbours in time share what the machine was doing, so their ratio varies less than the ratio of medians.
        """
        pairs = zip(other.seconds, self.seconds, strict=True)
        return statistics.median(theirs / own for theirs, own in pairs)


def take_turns(
    calls: Mapping[str, Call],
    seconds: float,
    rounds: int = 5,
    warm_up: int = 2,
    clock: Clock = time.perf_counter,
) -> dict[str, Times]:
    """Time calls in rounds: each has a turn of one or more runs a round, every second round in reverse order.

    Args:
        calls: By name, what to time; each returns when its work is done.
        seconds: How long to measure; the round that it ends in is finished.
        rounds: At least so many rounds, however long they take; 2 or more.
        warm_up: Runs of each call before the first round, 1 or more; the last says how many runs make a turn.
        clock: Seconds since any moment.

    Raises:
        ValueError: If `rounds` is less than 2, of which there are no quartiles, or `warm_up` less than 1.
    """
    if rounds < 2 or warm_up < 1:
        raise ValueError(f"`rounds` must be at least 2 and `warm_up` at least 1. Found {rounds} and {warm_up}.")
    runs = {name: _runs_a_turn(call, warm_up, clock) for name, call in calls.items()}
    taken: dict[str, list[float]] = {name: [] for name in calls}
    order, began, done = list(calls), clock(), 0
    while done < rounds or clock() - began < seconds:
        for name in order if done % 2 == 0 else reversed(order):
            taken[name].append(_turn(calls[name], runs[name], clock))
        done += 1
    return {name: Times(tuple(times)) for name, times in taken.items()}


def _runs_a_turn(call: Call, warm_up: int, clock: Clock) -> int:
    took = [_turn(call, 1, clock) for _ in range(warm_up)]
    return math.ceil(TURN / max(took[-1], TURN / 100))


def _turn(call: Call, runs: int, clock: Clock) -> float:
    """Mean time of so many runs in a row, seconds."""
    start = clock()
    for _ in range(runs):
        call()
    return (clock() - start) / runs
