from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mstasks.report.bars import Bar, bars

Read = Callable[[str], Any]


def test_lengths_are_to_scale_and_stay_within_the_track(read: Read) -> None:
    document = read(bars([Bar("a", 0.25, "1"), Bar("b", 1.7, "2", behind=0.5), Bar("c", -1, "3", 3, mark=1.0)]))
    assert [each["style"] for each in document.all("i")] == ["width:25%", "width:50%", "width:100%", "width:0%"]
    assert [each["class"] for each in document.all("i")] == ["s0", "void", "s0", "s3"]
    assert [each["style"] for each in document.all("b")] == ["left:100%"]


def test_names_and_values_are_text(read: Read) -> None:
    assert read(bars([Bar("<a>", 0, "5 & 6")])).text == "<a> 5 & 6"
