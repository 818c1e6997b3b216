from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mstasks.report.markup import Html
from mstasks.report.page import Page, Section, Tabs, code, collapsible, facts, figure, figures, paragraph, table

Read = Callable[[str], Any]
NASTY = "</title></script><script>alert(1)</script><img src=http://x onerror=1>"


def test_whatever_is_text_is_escaped_wherever_it_stands(read: Read) -> None:
    page = Page(NASTY, NASTY)
    page.add(
        Section(NASTY).add(
            NASTY,
            paragraph(NASTY),
            facts({NASTY: NASTY}),
            table((NASTY,), [(NASTY,)]),
            collapsible(NASTY, code(NASTY)),
            figures(figure(page.album.picture(np.zeros((2, 2, 3), np.uint8), NASTY), NASTY)),
        ),
        Tabs({NASTY: [Section(NASTY).add(NASTY)]}),
    )
    document = read(page.render())
    assert len(document.all("script")) == 1
    assert [image["alt"] for image in document.all("img")] == [NASTY]
    assert document.text.count("onerror=1") == 17


def test_the_page_has_what_phones_and_browsers_need(read: Read) -> None:
    document = read(Page("a page").render())
    metas = document.all("meta")
    assert {"charset": "utf-8"} in metas
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in metas
    assert document.all("html") == [{"lang": "en"}]


def test_only_the_script_of_the_page_may_run_and_nothing_be_fetched(read: Read) -> None:
    rendered = Page("a page").render()
    script = re.search("<script>(.*)</script>", rendered, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    policy = next(m["content"] for m in read(rendered).all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.split("; ") == [
        "default-src 'none'",
        "img-src data:",
        "style-src 'unsafe-inline'",
        f"script-src 'sha256-{digest}'",
    ]


def test_sections_are_listed_on_top_by_links_that_lead_to_them(read: Read) -> None:
    page = Page("a page").add(*(Section(title).add("x") for title in ("Same", "Same", "Größe 2")))
    document = read(page.render())
    targets = [section["id"] for section in document.all("section")]
    assert [link["href"] for link in document.all("a")] == [f"#{target}" for target in targets]


def test_a_section_without_content_is_left_out(read: Read) -> None:
    page = Page("a page").add(Section("Empty"), Section("Empty, too").add(Html(), ""), Section("Full").add("x"))
    assert [section["id"] for section in read(page.render()).all("section")] == ["full"]


def test_without_javascript_all_tabs_are_there_and_the_buttons_are_not(read: Read) -> None:
    document = read(Page("a page").add(Tabs({"one": [Section("A").add("x")], "two": [Section("A").add("y")]})).render())
    panels = document.classed("panel")
    assert not any("hidden" in panel for panel in panels)
    assert [button["aria-controls"] for button in document.all("button")] == [panel["id"] for panel in panels]
    assert next(each for each in document.all("div") if each.get("role") == "tablist")["hidden"] is None


def test_a_row_of_another_length_is_explained() -> None:
    with pytest.raises(ValueError, match=r"A row needs 2 cells, one a column\. Found 1: \('x',\)\."):
        table(("a", "b"), [("x",)])


def test_numbers_are_aligned_to_the_right(read: Read) -> None:
    document = read(table(("name", "score"), [("a", "1")], numbers=("score",)))
    assert [cell.get("class") for cell in (*document.all("th"), *document.all("td"))] == [None, "n", None, "n"]


def test_a_page_is_written_whole_and_replaces_the_one_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    page = Page("größer")
    assert page.write(path) == path.stat().st_size
    assert path.read_text(encoding="utf-8") == page.render()
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]
