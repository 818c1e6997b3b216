"""What a report knows of a run before any network is opened: its files, read once."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mstasks.errors import MstasksError
from mstasks.runfolder import RunFolder

_NETWORK = ("backbone", "decoder", "sparsity")
"""Keys of a recipe that a run shares with those that are made from it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A run as its files tell of it.

    Attributes:
        run: Its folder.
        summary: summary.json; empty while the run is not complete.
        recipe: resolved.yaml as plain values.
        environment: environment.json; empty if it is missing.
    """

    run: RunFolder
    summary: Mapping[str, Any]
    recipe: Mapping[str, Any]
    environment: Mapping[str, Any]

    @classmethod
    def read(cls, run: RunFolder) -> Source:
        """Read the files of a run.

        Raises:
            MstasksError: If one of them is damaged.
        """
        recipe = _parsed(run.recipe)
        if not isinstance(recipe, Mapping):
            raise MstasksError(f"{run.recipe}: it holds no mapping; copy it anew from where the run was made.")
        summary = _parsed(run.summary) if run.summary.is_file() else {}
        written = run.path / "environment.json"
        return cls(run, summary, recipe, _parsed(written) if written.is_file() else {})

    @property
    def name(self) -> str:
        """The recipe's name."""
        return str(self.recipe.get("name", self.run.path.name))

    @property
    def tasks(self) -> dict[str, int]:
        """Tasks in order, each with the number of its colour, the same in every chart."""
        names = dict.fromkeys([*(self.recipe.get("tasks") or {}), *(self.summary.get("tasks") or {})])
        return {name: number for number, name in enumerate(names)}

    @property
    def written(self) -> datetime.date:
        """The day on which the newest of its files was written."""
        known = (self.run.summary, self.run.metrics, self.run.recipe)
        newest = max(path.stat().st_mtime for path in known if path.is_file())
        return datetime.datetime.fromtimestamp(newest).astimezone().date()

    @property
    def parent(self) -> Path | None:
        """The folder of the run that this one was made from; it need not exist any more."""
        named = self.summary.get("parent")
        return None if named is None else Path(os.path.normpath(self.run.path / str(named)))

    def lineage(self) -> Iterator[Source]:
        """The run, the one that it was made from, and so on, as far as they are there and nothing grew back.

        A folder that holds another network by now ends it, such as one that was made anew after runs were moved.
        """
        source, seen = self, set[Path]()
        while source.run.path.resolve() not in seen:
            yield source
            seen.add(source.run.path.resolve())
            parent = source.parent
            if parent is None or (source.summary.get("adapt") or {}).get("grow") or not _is_run(parent):
                return
            above = Source.read(RunFolder(parent))
            if any(above.recipe.get(key) != source.recipe.get(key) for key in _NETWORK):
                return
            source = above

    def networks(self) -> Iterator[tuple[str, RunFolder]]:
        """The runs that hold a network: itself under the name ``""``, or a `single-task` parent's children by task."""
        yield from (self.run.children() or {"": self.run}).items()


def _is_run(folder: Path) -> bool:
    return (folder / "resolved.yaml").is_file()


def _parsed(path: Path) -> Any:
    """A YAML or JSON file."""
    try:
        text = path.read_text(encoding="utf-8")
        return yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise MstasksError(f"{path}: unreadable: {error}.") from error
