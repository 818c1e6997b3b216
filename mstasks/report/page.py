"""One self-contained HTML page: sections, tabs, tables, figures, collapsible text.

The page needs no server, no network, no font and no other file. It follows the reader's dark or light colours, fits a
phone and prints. Whatever is passed as plain `str` is text and is escaped; only `Html` is markup::

    page = Page("rooms", "Three arms, three seeds.")
    page.add(
        Section("Results").add(
            table(("arm", "mIoU"), [("dense", "0.28"), ("sparse", "0.27")], numbers=("mIoU",)),
            figure(lines([Line("dense", steps, scores)], Axis("step"), Axis("mIoU")), "mIoU on validation"),
        )
    )
    page.write(Path("study.html"))

Charts are in `mstasks.report.charts`, pictures made of pixels in `mstasks.report.album`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from mstasks.report.album import LIMIT, Album
from mstasks.report.markup import Html, element, escaped, joined, void
from mstasks.runfolder import write_text

_LONG = 40


def paragraph(text: str, *, note: bool = False) -> Html:
    """A paragraph; a note is smaller and paler."""
    return element("p", text, class_="note" if note else None)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Collection[str] = ()) -> Html:
    """A table that scrolls within its own box where it is wider than the page.

    Args:
        columns: Headings.
        rows: As many cells each: text or markup.
        numbers: Columns that are aligned to the right.

    Raises:
        ValueError: If a row has another number of cells.
    """
    right = ["n" if column in numbers else None for column in columns]
    heads = (element("th", column, class_=side, scope="col") for column, side in zip(columns, right, strict=True))
    body = []
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"A row needs {len(columns)} cells, one a column. Found {len(row)}: {tuple(row)!r}.")
        body.append(element("tr", *(element("td", cell, class_=side) for cell, side in zip(row, right, strict=True))))
    inside = element("table", element("thead", element("tr", *heads)), element("tbody", *body))
    return element("div", inside, class_="scroll", tabindex="0")


def figure(content: Html, caption: str = "", *, wide: bool = False) -> Html:
    """A chart or picture in a box of its own with a caption above.

    Args:
        content: What `mstasks.report.charts` or `Album.picture` gave.
        caption: Text or markup.
        wide: Takes the width of the page instead of that of a column, and scrolls within its box if it is wider still.
    """
    title = element("figcaption", caption) if caption else Html()
    inside = element("div", content, class_="scroll") if wide else content
    return element("figure", title, inside, class_="wide" if wide else None)


def figures(*shown: Html, halves: bool = False) -> Html:
    """Figures beside each other: as many as fit, or two, each of half the width."""
    return element("div", *shown, class_="figures halves" if halves else "figures")


def facts(values: Mapping[str, str]) -> Html:
    """A few numbers that catch the eye: what each is, and its value in large type."""
    tiles = (element("div", element("dt", name), element("dd", value)) for name, value in values.items())
    return element("dl", *tiles, class_="facts")


def collapsible(title: str, *content: str, opened: bool = False) -> Html:
    """Content that is shown on a click; on paper it is always shown."""
    return element("details", element("summary", title), *content, open=opened)


def code(text: str) -> Html:
    """Preformatted text; long lines scroll within the box. On paper they are broken, and long text has two columns."""
    return element("pre", text, tabindex="0", class_="long" if text.count("\n") > _LONG else None)


@dataclass
class Section:
    """A part of the page with a heading.

    Attributes:
        title: The heading.
        parts: Markup, in order.
    """

    title: str
    parts: list[Html] = field(default_factory=list)

    def add(self, *parts: str) -> Section:
        """Append markup; plain text becomes a paragraph, and what is empty is left out."""
        self.parts.extend(part if isinstance(part, Html) else paragraph(part) for part in parts if part)
        return self


@dataclass
class Tabs:
    """Groups of sections of which one is shown at a time; on paper, and without JavaScript, all of them.

    Attributes:
        groups: The sections of each tab by its name.
    """

    groups: Mapping[str, Sequence[Section]]


@dataclass
class Page:
    """A page under construction.

    Attributes:
        title: Heading, and name of the browser's tab.
        lead: Stands below the title: text or markup.
        parts: Sections and tabs, in order.
        album: Makes the page's pictures.
    """

    title: str
    lead: str = ""
    parts: list[Section | Tabs] = field(default_factory=list)
    album: Album = field(default_factory=Album)

    def add(self, *parts: Section | Tabs) -> Page:
        """Append sections or tabs; a section without content is left out."""
        self.parts.extend(part for part in parts if isinstance(part, Tabs) or part.parts)
        return self

    def render(self, limit: int = LIMIT) -> str:
        """The page as a document of fewer than ``limit`` bytes of UTF-8; pictures are made smaller to meet it.

        Raises:
            PageTooLargeError: If no size of the pictures meets it.
        """
        anchors = _Anchors()
        body = joined(
            (_tabs(part, anchors) if isinstance(part, Tabs) else _section(part, anchors)) for part in self.parts
        )
        header = element("header", element("h1", self.title), self.lead and _lead(self.lead), _contents(anchors))
        return self.album.fill(_document(self.title, joined([header, element("main", body)])), limit)

    def write(self, path: Path, limit: int = LIMIT) -> int:
        """Write the page, replacing what is there; a reader sees the old or the new file, never a part.

        Returns:
            Its size in bytes.
        """
        content = self.render(limit)
        write_text(path, content)
        return len(content.encode())


class _Anchors:
    """Gives each heading an id of its own, and remembers those of the page's own sections for its contents."""

    def __init__(self) -> None:
        self.listed: dict[str, str] = {}
        self._taken: set[str] = set()

    def new(self, title: str, *, listed: bool) -> str:
        base = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
        anchor, number = base, 2
        while anchor in self._taken:
            anchor, number = f"{base}-{number}", number + 1
        self._taken.add(anchor)
        if listed:
            self.listed[anchor] = title
        return anchor


def _lead(lead: str) -> Html:
    return lead if isinstance(lead, Html) else paragraph(lead)


def _contents(anchors: _Anchors) -> Html:
    """Links to the sections, where there are enough of them to get lost."""
    if len(anchors.listed) < 3:
        return Html()
    links = (element("a", title, href=f"#{anchor}") for anchor, title in anchors.listed.items())
    return element("nav", *links, class_="contents", aria_label="Contents")


def _section(section: Section, anchors: _Anchors, *, listed: bool = True) -> Html:
    anchor = anchors.new(section.title, listed=listed)
    return element("section", element("h2", section.title), *section.parts, id=anchor)


def _tabs(tabs: Tabs, anchors: _Anchors) -> Html:
    buttons, panels = [], []
    for name, sections in tabs.groups.items():
        anchor = anchors.new(name, listed=False)
        buttons.append(element("button", name, type="button", role="tab", aria_controls=anchor))
        content = [_section(section, anchors, listed=False) for section in sections if section.parts]
        heading = element("h2", name, class_="tab")
        panels.append(element("div", heading, *content, id=anchor, class_="panel", role="tabpanel"))
    return element("div", element("div", *buttons, role="tablist", hidden=True), *panels, class_="tabs")


def _document(title: str, body: Html) -> str:
    script, style = (files(__package__).joinpath(name).read_text(encoding="utf-8") for name in ("page.js", "page.css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # A second wall behind the escaping: nothing is fetched from anywhere, and no script but this one runs.
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    head = joined(
        [
            void("meta", charset="utf-8"),
            void("meta", http_equiv="Content-Security-Policy", content=policy),
            void("meta", name="viewport", content="width=device-width, initial-scale=1"),
            void("meta", name="color-scheme", content="light dark"),
            element("title", title),
            element("style", Html(style)),
        ],
        "\n",
    )
    whole = element("html", element("head", head), element("body", body, element("script", Html(script))), lang="en")
    return f"<!doctype html>\n{escaped(whole)}\n"
