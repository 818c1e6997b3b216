"""Errors of recipes: collected, sorted by position, one line each."""

from __future__ import annotations

from dataclasses import dataclass

from mstasks.errors import UsageError
from mstasks.recipe.tree import COMMAND_LINE, Place

_MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class RecipeError:
    """One thing that is wrong: where, what was found, what is allowed, what may have been meant.

    Attributes:
        place: Where.
        found: What was found.
        allowed: What is allowed there, or what to do; may be empty.
        hint: A further sentence, such as ``did you mean 'depth'?``; may be empty.
    """

    place: Place
    found: str
    allowed: str = ""
    hint: str = ""

    def __str__(self) -> str:
        source = f" ({self.place.variable})" if self.place.variable else ""
        return f"{self.place}: " + "; ".join(part for part in (self.found + source, self.allowed, self.hint) if part)


class RecipeErrors(UsageError):  # noqa: N818 - it holds several
    """Everything that is wrong with a recipe. Its text is one line an error, of the first fifty.

    Attributes:
        errors: Sorted by file, line and column, those of the command line last.
    """

    def __init__(self, errors: tuple[RecipeError, ...]) -> None:
        self.errors = errors
        more = [f"and {len(errors) - _MOST_SHOWN} more errors"] if len(errors) > _MOST_SHOWN else []
        super().__init__("\n".join([*map(str, errors[:_MOST_SHOWN]), *more]))


class Problems:
    """A collection of errors that grows while a recipe is read."""

    def __init__(self) -> None:
        self._errors: dict[RecipeError, None] = {}  # ordered, each once
        self._ranks: dict[str, int] = {}
        self._poisoned: set[Place] = set()

    def __bool__(self) -> bool:
        return bool(self._errors)

    def register(self, source: str) -> None:
        """Name a file that is being read; errors are sorted in the order of registration."""
        self._ranks.setdefault(source, len(self._ranks))

    def add(self, place: Place, found: str, allowed: str = "", hint: str = "") -> None:
        """Add an error, unless the value at that place is known to be unreadable already."""
        error = RecipeError(place, found, allowed, hint)
        if place not in self._poisoned:
            self._errors[error] = None

    def poison(self, place: Place, found: str, allowed: str = "", hint: str = "") -> None:
        """Add an error about a value that cannot be read at all, so that what depends on it says no more."""
        self.add(place, found, allowed, hint)
        self._poisoned.add(place)

    def include(self, other: Problems) -> None:
        """Add what another collection holds."""
        self._errors |= other._errors
        self._poisoned |= other._poisoned

    def raise_if_any(self) -> None:
        """Raise `RecipeErrors` if there is at least one.

        Raises:
            RecipeErrors: All of them.
        """
        if self._errors:
            raise RecipeErrors(tuple(sorted(self._errors, key=self._position)))

    def _position(self, error: RecipeError) -> tuple[bool, int, int, int]:
        place = error.place
        last = len(self._ranks)
        return place.source == COMMAND_LINE, self._ranks.get(place.source, last), place.line, place.column
