"""The list of ids is what `data.exclude` reads back."""

from __future__ import annotations

from pathlib import Path

from mstasks.data.files import read_lines
from mstasks.scan.exclude import exclude_list
from mstasks.scan.facts import Fault
from mstasks.scan.tally import FaultyPart


def faulty(id: str, part: str = "image", reason: str = "it is empty") -> FaultyPart:
    return FaultyPart("train", id, Fault(part, reason), False)


def read_back(text: str, folder: Path) -> list[str]:
    (folder / "exclude.txt").write_text(text, encoding="utf-8")
    return [line for line in read_lines(folder / "exclude.txt") if line and not line.startswith("#")]


def test_each_faulty_id_stands_there_once_with_its_first_reason(tmp_path: Path) -> None:
    text = exclude_list([faulty("b"), faulty("a", "depth", "odd"), faulty("b", "depth", "odd")], ())
    assert read_back(text, tmp_path) == ["b", "a"]
    assert text.splitlines()[0].startswith("# Ids that `mstasks check --data` could not use")
    assert text.splitlines()[1:3] == ["# train, image: it is empty", "b"]


def test_what_the_recipe_leaves_out_stays_left_out(tmp_path: Path) -> None:
    assert read_back(exclude_list([faulty("b")], {"z", "b", "y"}), tmp_path) == ["b", "y", "z"]


def test_a_split_that_cannot_be_listed_is_no_id(tmp_path: Path) -> None:
    assert read_back(exclude_list([faulty("", "ids")], ()), tmp_path) == []


def test_ids_that_no_line_can_hold_are_told_in_a_comment(tmp_path: Path) -> None:
    text = exclude_list([faulty("#1"), faulty(" a"), faulty("b\nc"), faulty("\udcff"), faulty("straße")], ())
    assert read_back(text, tmp_path) == ["straße"]
    assert "# cannot be listed, rename its files: \\udcff" in text.splitlines()
    assert "# cannot be listed, rename its files: b\\nc" in text.splitlines()
