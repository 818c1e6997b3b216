"""Tables hold what the tally holds; what is cut off is said."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mstasks.scan.duplicates import summarise
from mstasks.scan.facts import Fault, LabelFacts, SampleFacts
from mstasks.scan.histogram import DEPTHS
from mstasks.scan.report import Report, document
from mstasks.scan.statistics import Answers, Classes, Directions, Values
from mstasks.scan.tally import Tally
from mstasks.scan.text import MOST_FAULTS, Table, summary, tables
from mstasks.targets import TargetInfo, TargetKind

INFOS = {
    "segmentation": TargetInfo(TargetKind.LABEL_MAP, ("sky", "road", "car")),
    "attributes": TargetInfo(TargetKind.ATTRIBUTES, ("hat", "smile")),
}


def report(*samples: SampleFacts) -> Report:
    tally = Tally(("train", "test"), tuple(INFOS), ())
    for sample in samples:
        tally.add(sample)
    duplicates = summarise(tally.duplicates(), ("train", "test"))
    return Report("r", "d", "found", INFOS, tally, duplicates, (), 1.0)


def table(found: Report, heading: str) -> Table:
    (one,) = (table for table in tables(found) if table.columns[0] == heading)
    return one


MASK = LabelFacts((2, 3), 4, 6, Classes(np.array([3, 1, 0])))
ANSWERS = LabelFacts(None, 1, 2, Answers(np.array([1, 0]), np.array([1, 0]), 0))
A = SampleFacts("train", "a", (2, 3), b"1", {"segmentation": MASK, "attributes": ANSWERS}, ())


def test_splits_and_labels_have_a_row_each() -> None:
    found = report(A)
    assert table(found, "SPLIT").rows == (("train", "1", "0", "0", "0", "0"), ("test", "0", "0", "0", "0", "0"))
    labels = next(one for one in tables(found) if "LABELLED" in one.columns)
    assert labels.rows == (
        ("segmentation", "train", "1", "67 %", "2 of 3 classes occur"),
        ("segmentation", "test", "0", "-", ""),
        ("attributes", "train", "1", "50 %", "2 attributes, each known for 0 to 1 images"),
        ("attributes", "test", "0", "-", ""),
    )


def test_classes_and_attributes_have_their_shares_by_split() -> None:
    found = report(A)
    classes = table(found, "CLASS OF SEGMENTATION")
    assert classes.columns == ("CLASS OF SEGMENTATION", "train", "test")
    assert classes.rows == (("sky", "75 %", "-"), ("road", "25 %", "-"), ("car", "never", "-"))
    assert classes.note == "segmentation: never in train: car."
    assert table(found, "ATTRIBUTE OF ATTRIBUTES").rows == (
        ("hat", "yes 100 % of 1", "-"),
        ("smile", "not annotated", "-"),
    )


def faulty(count: int) -> list[SampleFacts]:
    return [SampleFacts("train", f"{i}", None, None, {}, (Fault("image", f"reason {i}"),)) for i in range(count)]


@pytest.mark.parametrize("more", [0, 5])
def test_the_first_faults_are_shown_and_all_are_in_the_document(more: int) -> None:
    found = report(*faulty(MOST_FAULTS + more))
    shown = table(found, "FAULT IN")
    assert len(shown.rows) == MOST_FAULTS
    assert shown.rows[0] == ("train", "0", "image", "reason 0")
    assert shown.note == (f"{more} more in data.json." if more else "")
    assert len(document(found)["faults"]) == MOST_FAULTS + more


def test_tables_without_rows_are_left_out() -> None:
    headings = [one.columns[0] for one in tables(report(A))]
    assert "FAULT IN" not in headings
    assert "THE SAME IMAGE IN SEVERAL SPLITS" not in headings


def test_of_images_in_several_splits_one_of_each_is_shown_first() -> None:
    same = [SampleFacts("train", f"{i}", (2, 3), b"1", {}, ()) for i in range(8)]
    shown = table(report(*same, SampleFacts("test", "leak", (2, 3), b"1", {}, ())), "THE SAME IMAGE IN SEVERAL SPLITS")
    ((text,),) = shown.rows
    assert text.startswith("train: 0, test: leak, train: 1, ")
    assert text.endswith(" and 3 more")


def test_the_document_is_json_whatever_ids_hold() -> None:
    odd = SampleFacts("train", "\udcff\n", (2, 3), b"1", {"segmentation": MASK}, (Fault("attributes", "odd"),))
    twin = SampleFacts("test", "twin", (2, 3), b"1", {}, ())
    text = json.dumps(document(report(odd, twin)), allow_nan=False, ensure_ascii=False)
    assert text.encode("utf-8")
    plain = json.loads(text)
    assert plain["faults"][0]["id"] == "\\udcff\\n"
    assert plain["duplicates"] == [[{"split": "train", "id": "\\udcff\\n"}, {"split": "test", "id": "twin"}]]
    sizes = plain["tasks"]["segmentation"]["splits"]["train"]["sizes"]
    assert sizes == [{"image": [2, 3], "label": [2, 3], "compared": "same", "count": 1, "first": "\\udcff\\n"}]


def test_depths_are_summed_up_on_a_line() -> None:
    metres = np.array([1.0, 2.0, 2.0, 4.0], np.float32)
    found = Values(DEPTHS.fill(metres), 1.0, 4.0, 4, 0, 1, 0, DEPTHS)
    line = summary(found, TargetInfo(TargetKind.DEPTH_MAP))
    assert line.startswith("min 1  1% 1.01  median 2.01  99% 2.01  max 4 m  |")
    blank = Values(DEPTHS.fill(metres[:0]), np.inf, -np.inf, 0, 0, 0, 0, DEPTHS)
    assert summary(blank, TargetInfo(TargetKind.DEPTH_MAP)) == ""


def test_directions_are_summed_up_on_a_line() -> None:
    found = Directions(4, np.array([0.4, 0.0, -3.2]), 0, 4, 1, np.zeros(2, int), np.zeros(2, int))
    line = summary(found, TargetInfo(TargetKind.VECTOR_MAP))
    assert line == "mean direction (0.10, 0.00, -0.80), 25 % face away"
