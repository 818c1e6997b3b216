"""YAML text to a tree with positions, safely: bounded in depth and size, no tags, no duplicate keys.

Built on PyYAML's event stream rather than on `yaml.compose`, whose recursion thousands of brackets exhaust and whose
aliases are not bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

import yaml
from yaml import events as ev

from mstasks.recipe.errors import Problems
from mstasks.recipe.scalars import UNPRINTABLE, ScalarError, resolve_plain
from mstasks.recipe.syntax import explain
from mstasks.recipe.tree import Entry, Node, Place
from mstasks.recipe.wording import quote

MAX_DEPTH = 32
"""Deepest nesting. Recipes use five levels."""
MAX_NODES = 5000
"""Most values, each alias counted with everything that it stands for."""

Locate = Callable[[int, int], Place]
"""Turns a line and a column, both counted from 0 as PyYAML does, into a place."""


class _StopError(Exception):
    """The text cannot be read any further; the reason is among the problems."""


@dataclass(frozen=True, slots=True)
class _Anchor:
    node: Node
    size: int
    height: int


def compose(text: str, locate: Locate, problems: Problems) -> Node | None:
    """Read one YAML document.

    Args:
        text: Text without control characters.
        locate: Turns positions into places.
        problems: Gets everything that is refused. A value that cannot be read becomes null, and its place poisoned.

    Returns:
        The top-level node; None if the text is empty or breaks off.
    """
    try:
        return _Composer(text, locate, problems).document()
    except yaml.MarkedYAMLError as error:
        explain(error, text, locate, problems)
    except _StopError:
        pass
    return None


class _Composer:
    """A recursive descent over events; its depth is bounded by `MAX_DEPTH`."""

    def __init__(self, text: str, locate: Locate, problems: Problems) -> None:
        self._events: Iterator[ev.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._locate = locate
        self._problems = problems
        self._anchors: dict[str, _Anchor] = {}
        self._count = 0

    def document(self) -> Node | None:
        """The only document of the stream."""
        node: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, ev.DocumentStartEvent):
                documents += 1
                self._check_start(event, documents)
                node = self._node(next(self._events), 1)
        return node

    def _check_start(self, event: ev.DocumentStartEvent, documents: int) -> None:
        if documents > 1:
            self._stop(event, "a second document starts here", "a recipe is one document; remove the '---'")
        if event.version or event.tags:
            self._stop(event, "a YAML directive (%YAML or %TAG)", "recipes have none; remove the line")

    def _node(self, event: ev.Event, depth: int) -> Node:
        self._count += 1
        if depth > MAX_DEPTH:
            self._stop(event, f"nested more than {MAX_DEPTH} deep", "recipes nest at most a few levels")
        if self._count > MAX_NODES:
            self._stop(event, f"more than {MAX_NODES} values", "aliases count with all that they stand for")
        if isinstance(event, ev.AliasEvent):
            return self._alias(event, depth)
        assert isinstance(event, ev.NodeEvent)
        start = self._count
        node = self._tagless(event, self._content(event, depth))
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(node, self._count - start + 1, _height(node))
        return node

    def _content(self, event: ev.Event, depth: int) -> Node:
        if isinstance(event, ev.MappingStartEvent):
            return Node(self._place(event), self._mapping(depth))
        if isinstance(event, ev.SequenceStartEvent):
            return Node(self._place(event), tuple(self._sequence(depth)))
        assert isinstance(event, ev.ScalarEvent)
        return self._scalar(event)

    def _tagless(self, event: ev.Event, node: Node) -> Node:
        tag = getattr(event, "tag", None)
        if tag is None:
            return node
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        self._problems.poison(node.place, f"the tag {quote(shown)}", "recipes use no tags; write the plain value")
        return Node(node.place, None)

    def _alias(self, event: ev.AliasEvent, depth: int) -> Node:
        anchor = self._anchors.get(event.anchor or "")
        if anchor is None:
            self._stop(event, f"the alias *{event.anchor}", f"no complete &{event.anchor} stands before it")
        self._count += anchor.size - 1
        if self._count > MAX_NODES:
            self._stop(event, f"more than {MAX_NODES} values", "aliases count with all that they stand for")
        if depth + anchor.height - 1 > MAX_DEPTH:
            self._stop(event, f"nested more than {MAX_DEPTH} deep", "aliases count with all that they stand for")
        return anchor.node

    def _sequence(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), ev.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _mapping(self, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(self._events), ev.MappingEndEvent):
            where = self._place(event)
            key = self._key(self._node(event, depth + 1), event)
            value = self._node(next(self._events), depth + 1)
            if key is None:
                continue
            if key in entries:
                first = entries[key].key
                self._problems.add(where, f"the key {quote(key)} is written twice", f"it is first at {first}; keep one")
                continue
            entries[key] = Entry(where, value)
        return entries

    def _key(self, node: Node, event: ev.Event) -> str | None:
        """The text of a key; None, and a problem, if it is not text."""
        if isinstance(node.value, str):
            if node.value == "<<" and not node.quoted:
                self._problems.add(self._place(event), "the merge key '<<'", "use `extends`, or write the keys out")
                return None
            return node.value
        if isinstance(event, ev.ScalarEvent):
            self._problems.add(self._place(event), f"the key {quote(event.value)} is not text", "put it in quotes")
        else:
            self._problems.add(self._place(event), "a list or a mapping as a key", "keys are names")
        return None

    def _scalar(self, event: ev.ScalarEvent) -> Node:
        place, quoted = self._place(event), not event.implicit[0]
        odd = UNPRINTABLE.search(event.value)
        try:
            if odd is not None:
                raise ScalarError(f"the control character U+{ord(odd.group()):04X} in a text", "remove it")
            return Node(place, event.value if quoted else resolve_plain(event.value), quoted)
        except ScalarError as error:
            self._problems.poison(place, error.found, error.allowed)
            return Node(place, None)

    def _place(self, event: ev.Event) -> Place:
        assert event.start_mark is not None  # only hand-made events have none
        return self._locate(event.start_mark.line, event.start_mark.column)

    def _stop(self, event: ev.Event, found: str, allowed: str) -> NoReturn:
        self._problems.add(self._place(event), found, allowed)
        raise _StopError


def _height(node: Node) -> int:
    """Levels of a tree, 1 for a scalar."""
    if isinstance(node.value, Mapping):
        return 1 + max((_height(entry.node) for entry in node.value.values()), default=0)
    if isinstance(node.value, tuple):
        return 1 + max(map(_height, node.value), default=0)
    return 1
