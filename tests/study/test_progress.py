"""What is left is estimated from runs of the same arm, else of the same kind, else of any."""

from __future__ import annotations

import pytest

from mstasks.study.job import Job
from mstasks.study.progress import Clock


def test_nothing_is_said_before_anything_has_ended() -> None:
    assert Clock(1).left([Job("a", 0)], []) is None


def test_an_arm_is_expected_to_take_what_it_took() -> None:
    clock = Clock(1, {Job("a", 0): 10.0, Job("b", 0): 100.0})
    assert clock.left([Job("a", 1), Job("b", 1)], []) == pytest.approx(110)
    assert clock.left([Job("c", 0)], []) == pytest.approx(55)


def test_an_adaptation_is_not_expected_to_take_what_training_took() -> None:
    clock = Clock(1, {Job("a", 0): 100.0, Job("few", 0, 5): 4.0})
    assert clock.left([Job("few", 0, 10)], []) == pytest.approx(4)


def test_what_runs_has_less_left_and_parallel_runs_share() -> None:
    clock = Clock(2, {Job("a", 0): 10.0})
    assert clock.left([Job("a", seed) for seed in range(1, 4)], [(Job("a", 9), 4.0)]) == pytest.approx((30 + 6) / 2)
    assert clock.left([Job("a", 1)], []) == pytest.approx(10)  # one run is not faster because two could run
    assert clock.left([], [(Job("a", 1), 99.0)]) == 0
