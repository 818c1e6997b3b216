from __future__ import annotations

import pytest

from mstasks.report.markup import Html, element, escaped, joined, void

NASTY = """<script>alert("1")</script> & 'x'"""


@pytest.mark.parametrize("markup", [escaped(NASTY), joined([NASTY]), element("p", NASTY), element("p", title=NASTY)])
def test_text_never_becomes_markup(markup: Html) -> None:
    assert "<script" not in markup
    assert '"1"' not in markup


def test_markup_is_not_escaped_twice() -> None:
    inner = element("b", "a & b")
    assert element("p", inner, " < c") == "<p><b>a &amp; b</b> &lt; c</p>"
    assert escaped(inner) is inner


def test_attributes_are_named_as_html_names_them() -> None:
    assert element("svg", view_box="0 0 1 1", class_="chart", aria_label="x", stroke_width=2) == (
        '<svg viewBox="0 0 1 1" class="chart" aria-label="x" stroke-width="2"></svg>'
    )


def test_an_attribute_is_left_out_or_has_no_value() -> None:
    assert element("details", open=True, class_=None, hidden=False) == "<details open></details>"


def test_an_attribute_may_be_called_name() -> None:
    assert void("meta", name="viewport") == '<meta name="viewport">'
