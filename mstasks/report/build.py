"""The page of a run, or of several: which sections it has, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mstasks.comparison import short_names
from mstasks.report.adaptation import adaptation
from mstasks.report.album import Album
from mstasks.report.compared import compared
from mstasks.report.costs import costs
from mstasks.report.curves import curves
from mstasks.report.example_cards import pictures
from mstasks.report.examples import Choice
from mstasks.report.headline import key_numbers, lead
from mstasks.report.latency import latency
from mstasks.report.opened import open_networks
from mstasks.report.origin import origin
from mstasks.report.page import Page, Section, Tabs, paragraph
from mstasks.report.results import results
from mstasks.report.shots import family, shots
from mstasks.report.source import Source
from mstasks.report.sparsity import sparsity
from mstasks.report.wording import listed
from mstasks.runfolder import RunFolder


@dataclass(frozen=True, slots=True)
class Report:
    """A page that is ready to be written.

    Attributes:
        page: The page.
        missing: What is not in it, and why, a sentence each.
    """

    page: Page
    missing: tuple[str, ...]


def build_report(paths: Sequence[Path], choice: Choice) -> Report:
    """The page of one run, or of several with their comparison on top and a tab for each.

    A run that is not complete yet is shown as far as it is. Pictures and costs by part need the best checkpoint,
    pictures the data too; without them the rest is shown.

    Args:
        paths: Run folders; one that is named twice is taken once.
        choice: Which test images to show.

    Raises:
        UsageError: If a folder is no run, or the choice names an image that is not there.
        MstasksError: If a file of a run is damaged.
    """
    distinct = {path.resolve(): path for path in paths}
    sources = [Source.read(RunFolder.open(path)) for path in distinct.values()]
    if len(sources) == 1:
        return _single(sources[0], choice)
    page = Page(_title(sources), f"{len(sources)} runs.")
    names = dict(zip(_names(sources), sources, strict=True))
    groups, missing = {}, []
    for name, source in names.items():
        sections, lacking = _sections(source, choice, page.album)
        groups[name] = [Section("Overview").add(lead(source)), *sections]
        missing += [f"{name}: {sentence}" for sentence in lacking]
    page.add(compared(names), shots(sources), Tabs(groups))
    return Report(page, tuple(missing))


def _single(source: Source, choice: Choice) -> Report:
    page = Page(source.name, lead(source))
    sections, missing = _sections(source, choice, page.album)
    return Report(page.add(*sections), tuple(missing))


def _sections(source: Source, choice: Choice, album: Album) -> tuple[list[Section], list[str]]:
    """The sections of one run, some of them empty, and what they lack."""
    opened = open_networks(source, choice)
    first = results(source)
    first.parts.insert(0, key_numbers(source))
    shown = pictures(opened.examples, album)
    shown.add(*(paragraph(sentence, note=True) for sentence in opened.missing))
    sections = [
        first,
        adaptation(source),
        shots(family(source)),
        shown,
        curves(source),
        sparsity(source),
        costs(opened.costs),
        latency(source),
        origin(source),
    ]
    return sections, opened.missing


def _title(sources: Sequence[Source]) -> str:
    names = list(dict.fromkeys(source.name for source in sources))
    return listed(names)


def _names(sources: Sequence[Source]) -> list[str]:
    return short_names([source.run.path for source in sources])
