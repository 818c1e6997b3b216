"""When channels are measured and removed, and how much may be left: functions of the number of steps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """Rounds of removals, spread evenly, with a goal that falls linearly from 1 to the target.

    Attributes:
        begin: Steps done when the goal starts to fall.
        end: Steps done when it is the target; not before `begin`.
        rounds: Removals in between, the last one at `end`; they fall together if there are fewer steps.
        target: Fraction of the cost that is left in the end.

    Raises:
        ValueError: If `end` is before `begin`.
    """

    begin: int
    end: int
    rounds: int
    target: float

    def __post_init__(self) -> None:
        if self.end < self.begin:
            raise ValueError(f"`window` must not end before it begins. Found steps {self.begin} to {self.end}.")

    def due(self, done: int) -> int:
        """Rounds that should have been held when `done` steps are done."""
        if done >= self.end:
            return self.rounds
        return self.rounds * max(0, done - self.begin) // max(1, self.end - self.begin)

    def goal(self, done: float) -> float:
        """Fraction of the cost that may be left when `done` steps are done: exactly the target from `end` on."""
        if done >= self.end:
            return self.target
        ahead = (self.end - done) / max(self.end - self.begin, 1)
        return self.target + (1 - self.target) * min(1.0, ahead)


@dataclass(frozen=True, slots=True)
class Turns:
    """Every `every`-th step from `first` until before `end` is one task's turn, all tasks one after the other.

    Attributes:
        first: First step with a turn, 0-based.
        end: Step from which on there are none.
        every: Steps from one turn to the next.
        tasks: Names of the tasks.
    """

    first: int
    end: int
    every: int
    tasks: tuple[str, ...]

    def task(self, step: int) -> str | None:
        """Whose turn the 0-based step `step` is; None if it is nobody's."""
        turn, rest = divmod(step - self.first, self.every)
        if rest or not self.first <= step < self.end:
            return None
        return self.tasks[turn % len(self.tasks)]
