"""In a real browser: nothing complains, pictures are there, a phone need not scroll sideways, dark is dark."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mstasks.report.build import build_report
from mstasks.report.examples import Choice
from mstasks.runfolder import RunFolder

SUPPORT = str(Path(__file__).parents[1] / "study" / "support")
if SUPPORT not in sys.path:
    sys.path.insert(0, SUPPORT)

from study_bench import RECIPE, STUDY, Bench  # noqa: E402 - found by the line above

Show = Callable[..., Any]
WIDE = "document.documentElement.scrollWidth - innerWidth"
BROKEN = "[...document.images].filter(image => !image.complete || !image.naturalWidth).length"
UNREADABLE = """(() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!colour.startsWith("rgba(0, 0, 0, 0")) return light(colour);
    }
    return 1;
  };
  const found = [];
  for (const element of document.querySelectorAll("h1, h2, p, td, th, dt, dd, a, summary, figcaption, pre, text, span, button")) {
    if (!element.textContent.trim() || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const [one, other] = [light(element.tagName === "text" ? style.fill : style.color), behind(element)].sort((a, b) => b - a);
    if ((one + .05) / (other + .05) < 4.5) found.push(element.tagName + " " + element.textContent.slice(0, 30));
  }
  return found;
})()"""


@pytest.fixture(scope="module")
def page(sparse_run: RunFolder, dense_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    build_report([sparse_run.path, dense_run.path], Choice()).page.write(path)
    return path


def assert_is_whole(shown: Any) -> None:
    """Nothing complains, no picture is broken, nothing is wider than the screen, all text can be read."""
    assert shown.complaints == []
    assert shown.value(BROKEN) == 0
    assert shown.value(WIDE) <= 0
    assert shown.value("[...document.querySelectorAll('svg.chart')].filter(each => !each.getBBox().width).length") == 0
    shown.value("dispatchEvent(new Event('beforeprint'))")  # opens what is folded away
    assert shown.value(UNREADABLE) == []
    assert shown.value(WIDE) <= 0


@pytest.mark.parametrize("kind", ["compact_run", "adapted_run", "single_run", "unfinished_run"])
def test_the_page_of_every_kind_of_run_is_whole(
    show: Show, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    run: RunFolder = request.getfixturevalue(kind)
    path = tmp_path / "report.html"
    build_report([run.path], Choice(count=1)).page.write(path)
    assert_is_whole(show(path, width=390))
    assert_is_whole(show(path, width=1280, scheme="dark"))


def test_the_page_of_a_study_is_whole(show: Show, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("FAKE", json.dumps({}))
    (tmp_path / "base.yaml").write_text(RECIPE, encoding="utf-8")
    bench = Bench(tmp_path)
    text = STUDY.replace("  dense:", "  dense: {overrides: ['unseen={normals: {}}']}").replace(
        "compare:", "  few: {adapt: dense, task: normals, shots: [5, 10]}\ncompare:"
    )
    bench.run(bench.plan(text))
    path = bench.root / "study.html"
    assert_is_whole(show(path, width=390, scheme="dark"))
    assert_is_whole(show(path, width=1280))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_whole_and_fits(show: Show, page: Path, width: int, scheme: str) -> None:
    shown = show(page, width=width, scheme=scheme)
    assert shown.complaints == []
    assert shown.value("document.images.length") > 20
    assert shown.value(BROKEN) == 0
    assert shown.value(WIDE) <= 0
    assert shown.value("innerWidth") == width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(show: Show, page: Path, scheme: str) -> None:
    assert show(page, scheme=scheme).value(UNREADABLE) == []


def test_the_page_follows_the_readers_colours(show: Show, page: Path) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light, dark = (show(page, scheme=scheme).value(paper) for scheme in ("light", "dark"))
    assert light == "rgb(246, 246, 243)"
    assert dark == "rgb(18, 20, 23)"


def test_one_tab_is_shown_at_a_time(show: Show, page: Path) -> None:
    shown = show(page)
    visible = "[...document.querySelectorAll('.panel')].map(panel => panel.offsetHeight > 0)"
    assert shown.value(visible) == [True, False]
    shown.value("document.querySelectorAll('[role=tab]')[1].click()")
    assert shown.value(visible) == [False, True]
    assert shown.value(
        "[...document.querySelectorAll('[role=tab]')].map(tab => tab.getAttribute('aria-selected'))"
    ) == [
        "false",
        "true",
    ]


def test_without_javascript_all_tabs_are_shown(show: Show, page: Path) -> None:
    shown = show(page, scripts=False)
    heights = "[...document.querySelectorAll('.panel')].map(panel => panel.offsetHeight > 0)"
    assert shown.value(heights) == [True, True]
    assert shown.value("document.querySelector('[role=tablist]').offsetHeight") == 0


def test_on_paper_everything_is_there(show: Show, page: Path) -> None:
    shown = show(page, scheme="dark")
    assert shown.pdf().startswith(b"%PDF")
    shown.value("dispatchEvent(new Event('beforeprint'))")
    assert shown.value("document.querySelectorAll('details:not([open])').length") == 0
    shown.value("dispatchEvent(new Event('afterprint'))")
    assert shown.value("document.querySelectorAll('details[open]').length") == 0
    shown.browser.call("Emulation.setEmulatedMedia", shown.session, media="print")
    assert shown.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert shown.value("[...document.querySelectorAll('.panel')].map(panel => panel.offsetHeight > 0)") == [True, True]
    assert shown.value("document.querySelector('[role=tablist]').offsetHeight") == 0


def test_the_checks_of_this_file_can_fail(show: Show, tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text(
        "<!doctype html><meta name=viewport content='width=device-width'><body style='background:#fff'>"
        "<p style='color:#eee'>pale</p><div style='width:900px'>wide</div><img src='data:image/png;base64,AAAA'>"
        "<script>console.error('complaint')</script>"
    )
    shown = show(path, width=390)
    assert any("complaint" in told for told in shown.complaints)
    assert shown.value(BROKEN) == 1
    assert shown.value("document.documentElement.scrollWidth") > 390
    assert shown.value(UNREADABLE) == ["P pale"]
