"""``{arm.NAME}`` in an override: the folder of that arm's run of the same seed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from mstasks.recipe.environment import escape

_REFERENCE = re.compile(r"\{arm\.([^{}]*)\}")
_BARE = re.compile(r"[A-Za-z0-9_./-]+")


def referenced(text: str) -> tuple[str, ...]:
    """The arms that an override speaks of, in order."""
    return tuple(_REFERENCE.findall(text))


def fill(text: str, place_of: Callable[[str], str]) -> str:
    """The override with each reference replaced by a path.

    Args:
        text: An override.
        place_of: The path of an arm. One that YAML would not read as it is gets quotes.
    """
    return _REFERENCE.sub(lambda match: quoted(place_of(match[1])), text)


def rename(text: str, new: Callable[[str], str]) -> str:
    """The override with each reference to an arm replaced by one to another."""
    return _REFERENCE.sub(lambda match: f"{{arm.{new(match[1])}}}", text)


def quoted(path: str) -> str:
    """A path as the value of an override, in quotes if YAML would not read it as it is."""
    path = escape(path)
    return path if _BARE.fullmatch(path) else json.dumps(path, ensure_ascii=False)
