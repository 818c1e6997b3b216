"""A recipe file with everything that it extends, as one tree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mstasks.recipe.compose import compose
from mstasks.recipe.environment import substitute
from mstasks.recipe.errors import Problems
from mstasks.recipe.find import look_up
from mstasks.recipe.merge import merge
from mstasks.recipe.normalise import normalise
from mstasks.recipe.source import read_text
from mstasks.recipe.tree import Node, Place, child, is_mapping, plain, text, without
from mstasks.recipe.wording import describe, quote

MAX_FILES = 32
"""Most files that one recipe is made of, each counted as often as it is named."""

Chain = tuple[tuple[Path, str], ...]


def load_tree(path: Path, source: str, problems: Problems) -> Node | None:
    """Read a recipe file and what it extends.

    Args:
        path: The file.
        source: The file as the user would name it.
        problems: Gets everything that is wrong.

    Returns:
        One tree without ``extends``, short forms written out; None if any of the files cannot be read, for then nobody
        knows what it would have said.
    """
    reader = _Reader(problems)
    tree = reader.load(path, source, ())
    return tree if reader.complete else None


class _Reader:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._files = 0
        self.complete = True

    def load(self, path: Path, source: str, chain: Chain) -> Node | None:
        """One file and its bases; `chain` leads from the first file to the one that names this one."""
        self._files += 1
        if self._files == MAX_FILES:
            where = Place(chain[-1][1])
            self._problems.add(
                where, f"more than {MAX_FILES} files are extended, one after another", "merge some of them"
            )
        self._problems.register(source)
        node = self._read(path, source)
        if node is None:
            self.complete = False
            return None
        chain = (*chain, (path.resolve(), source))
        merged: Node | None = None
        for base_path, base_source in self._bases(node, path.parent, chain):
            base = self.load(base_path, base_source, chain)
            if base is not None:
                merged = base if merged is None else merge(merged, base)
        own = normalise(without(node, frozenset({"extends"})))
        return own if merged is None else merge(merged, own)

    def _read(self, path: Path, source: str) -> Node | None:
        content = read_text(path, source, self._problems)
        if content is None:
            return None
        folder = path.parent.absolute()
        problems = Problems()
        node = compose(content, lambda line, column: Place(source, line + 1, column + 1, folder=folder), problems)
        self._problems.include(problems)
        if node is None and not problems:
            allowed = "a recipe has at least name, data, backbone and tasks"
            self._problems.add(Place(source), "the file is empty", allowed)
        if node is not None and not is_mapping(node):
            self._problems.add(node.place, f"the file holds {describe(plain(node))}", "a recipe is a mapping of keys")
            return None
        return node

    def _bases(self, node: Node, folder: Path, chain: Chain) -> Iterator[tuple[Path, str]]:
        extends = child(node, "extends")
        if extends is None:
            return
        extends = substitute(extends, self._problems)
        items = extends.value if isinstance(extends.value, tuple) else (extends,)
        for item in items:
            base = self._base(item, folder, chain) if self._files < MAX_FILES else None
            if base is None:
                self.complete = False
            else:
                yield base

    def _base(self, item: Node, folder: Path, chain: Chain) -> tuple[Path, str] | None:
        name = text(item)
        if not name:
            allowed = "the path of a recipe, the name of a shipped one, or a list of them"
            self._problems.add(item.place, f"extends is {describe(plain(item))}", allowed)
            return None
        path = look_up(name, folder, self._problems, item.place, f"extends {quote(name)}: ")
        if path is None:
            return None
        source = _display(path, folder, Path(chain[-1][1]).parent)
        files = [file for file, _ in chain]
        if path.resolve() in files:
            names = [shown for _, shown in chain[files.index(path.resolve()) :]]
            round_trip = " -> ".join([*names, source])
            self._problems.add(item.place, f"extends goes round: {round_trip}", "a recipe cannot extend itself")
            return None
        return path, source


def _display(path: Path, folder: Path, shown: Path) -> str:
    """A base as the user would name it: like the file that extends it, else relative to the working directory."""
    if path.is_relative_to(folder):
        return os.path.normpath(shown / path.relative_to(folder))
    working = Path.cwd()
    return str(path.relative_to(working) if path.is_relative_to(working) else path)
