"""A split that is left without images and a task without labels to train on are faults, as training finds them."""

from __future__ import annotations

import numpy as np

from mstasks.data.dataset import Split
from mstasks.scan.facts import Fault, LabelFacts, SampleFacts
from mstasks.scan.shortages import shortages
from mstasks.scan.statistics import Classes
from mstasks.scan.tally import FaultyPart, Tally
from mstasks.targets import TargetInfo, TargetKind

INFOS = {"it": TargetInfo(TargetKind.LABEL_MAP, ("a", "b"))}


def sample(split: Split, id: str, valid: int | None = 4) -> SampleFacts:
    labels = {} if valid is None else {"it": LabelFacts((2, 2), valid, 4, Classes(np.array([valid, 0])))}
    return SampleFacts(split, id, (2, 2), id.encode(), labels, ())


def found(*samples: SampleFacts, excluded: tuple[str, ...] = (), unlisted: Split | None = None) -> list[FaultyPart]:
    tally = Tally(("train", "test"), ("it",), excluded)
    if unlisted is not None:
        tally.faults.append(FaultyPart(unlisted, "", Fault("ids", "no list"), False))
    for one in samples:
        tally.add(one)
    return list(shortages(tally, {"it": "masks"}, INFOS))


A, T = sample("train", "a"), sample("test", "t", None)


def test_enough_of_everything_is_no_fault() -> None:
    assert found(A, sample("train", "b", None), T) == []


def test_a_split_that_is_left_out_completely_is_a_fault() -> None:
    (row,) = found(A, T, sample("test", "u"), excluded=("t", "u"))
    assert (row.split, row.id, row.fault.part, row.excluded) == ("test", "", "ids", False)
    assert row.fault.reason == (
        "`data.exclude` lists all of its 2 images; training needs all three splits, so mend some of them, or move "
        "others here."
    )


def test_a_split_without_images_is_a_fault_unless_it_could_not_be_listed() -> None:
    (row,) = found(A)
    assert row.fault == Fault("ids", "it has no image; training needs all three splits, so check its list.")
    assert found(A, unlisted="test") == []


def test_a_task_whose_only_labels_are_left_out_is_a_fault() -> None:
    (row,) = found(A, sample("train", "b", None), T, excluded=("a",))
    assert (row.split, row.id, row.fault.part) == ("train", "", "masks")
    assert row.fault.reason == (
        "task 'it': none of 1 images has a usable label; a folder or column may be missing or named otherwise, else "
        "take the task out of the recipe."
    )


def test_labels_that_are_nowhere_valid_are_not_called_missing() -> None:
    (row,) = found(sample("train", "a", 0), sample("train", "b", None), T)
    assert row.fault.reason.startswith(
        "task 'it': 1 of 1 labels are nowhere valid; the value that stands for a missing"
    )
