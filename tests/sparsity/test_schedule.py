"""Rounds, goals and turns by the number of steps."""

from __future__ import annotations

import pytest

from mstasks.sparsity.schedule import Schedule, Turns


def test_the_goal_falls_linearly_to_exactly_the_target() -> None:
    schedule = Schedule(10, 60, 36, 0.1)
    assert [schedule.goal(done) for done in (0, 10)] == [1.0, 1.0]
    assert schedule.goal(35) == pytest.approx(0.55)
    assert schedule.goal(47.5) == pytest.approx(0.325)
    assert [schedule.goal(done) for done in (60, 61.5, 100)] == [0.1, 0.1, 0.1]


@pytest.mark.parametrize("steps", [0, 1, 7, 36, 50, 1000])
def test_rounds_are_spread_evenly_and_the_last_is_at_the_end(steps: int) -> None:
    schedule = Schedule(5, 5 + steps, 36, 0.5)
    due = [schedule.due(done) for done in range(5 + steps + 20)]
    assert due == sorted(due)
    assert all(number == 0 for number in due[:5])
    assert all(number == 36 for number in due[5 + steps :])
    assert due.index(36) == 5 + steps
    first = [due.index(number) for number in sorted(set(due) - {0})]
    gaps = [later - earlier for earlier, later in zip([5, *first], first, strict=False)]
    assert max(gaps) - min(gaps) <= 1


def test_rounds_fall_together_when_steps_are_few() -> None:
    assert [Schedule(2, 6, 36, 0.5).due(done) for done in range(2, 8)] == [0, 9, 18, 27, 36, 36]


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`window` must not end before it begins. Found steps 60 to 10"):
        Schedule(60, 10, 36, 0.5)


def test_every_task_has_its_turn() -> None:
    turns = Turns(4, 24, 3, ("a", "b", "c"))
    assert {step: task for step in range(40) if (task := turns.task(step))} == {
        4: "a",
        7: "b",
        10: "c",
        13: "a",
        16: "b",
        19: "c",
        22: "a",
    }
