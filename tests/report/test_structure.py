from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mstasks.report.structure import averaged, serves_figure, structure_figure
from mstasks.sparsity.record import ExcludedRecord, SpaceRecord, SparsityRecord

Read = Callable[[str], Any]
SERVES = {"seg": [0.3, 0.0, 0.0, 0.1], "depth": [0.1, 0.0, 0.0, 0.3]}
RECORD = SparsityRecord(
    "shared",
    "channel",
    None,
    (SpaceRecord("stem", 0, 4, 1, "#.o#", SERVES), SpaceRecord("late", 2, 16, 1, "#" * 8 + "." * 8, None)),
    (ExcludedRecord("middle", 1, 4, "depthwise"),),
)


def widths(document: Any) -> list[tuple[str, float]]:
    hulls = [each for each in document.all("i") if "left" in (each.get("style") or "")]
    return [(each["class"], float(re.findall(r"width:([\d.]+)%", each["style"])[0])) for each in hulls]


def test_bars_are_to_scale_in_the_order_of_the_network(read: Read) -> None:
    document = read(structure_figure(RECORD))
    assert widths(document) == [
        ("void", 50.0),  # square root of 4 over that of 16
        ("stays", 37.5),  # one of four is removed
        ("s0", 25.0),  # another one is zero but stays
        ("plain", 50.0),
        ("void", 100.0),
        ("s0", 50.0),
    ]
    assert "stem 2 of 4 middle 4 late 8 of 16" in document.text
    assert "10 of 20 channels are alive" in document.text


def test_bars_are_centred(read: Read) -> None:
    for each in read(structure_figure(RECORD)).all("i"):
        found = re.findall(r"left:([\d.]+)%;width:([\d.]+)%", each.get("style") or "")
        assert all(2 * float(left) + float(width) == pytest.approx(100, abs=0.02) for left, width in found)


def test_a_channel_is_divided_as_it_serves_the_tasks_with_the_main_one_at_the_base(read: Read) -> None:
    document = read(serves_figure(RECORD, {"depth": 4, "seg": 1}))
    (strip,) = document.classed("strip")
    assert strip["viewbox"] == "0 0 2 100", "two of the four channels are left"
    paths = {path["class"]: path["d"] for path in document.all("path")}
    assert paths["s1"] == "M0 25h1V100h-1zM1 0h1V25h-1z"
    assert paths["s4"] == "M0 0h1V25h-1zM1 25h1V100h-1z"


def test_nothing_is_drawn_where_nothing_was_measured() -> None:
    assert serves_figure(SparsityRecord("shared", "channel", None, RECORD.spaces[1:], ()), {}) == ""
    assert structure_figure(SparsityRecord("shared", "channel", None, (), ())) == ""


@pytest.mark.parametrize("columns", [3, 96, 97, 1000])
def test_averaging_neighbours_keeps_columns_whole_and_their_order(columns: int) -> None:
    first = np.sort(np.random.default_rng(0).random(columns))[::-1]
    parts = averaged(np.stack([first, 1 - first]), 96)
    assert parts.shape == (2, min(columns, 96))
    np.testing.assert_allclose(parts.sum(axis=0), 1)
    assert (np.diff(parts[0]) <= 0).all()
