"""Facts add up to the numbers of a split, whatever the order of its faults."""

from __future__ import annotations

import numpy as np

from mstasks.scan.duplicates import summarise
from mstasks.scan.facts import WHOLE, Fault, LabelFacts, SampleFacts
from mstasks.scan.sizes import Relation, Size
from mstasks.scan.statistics import Answers, Classes
from mstasks.scan.tally import Tally


def label(valid: int, size: Size = (2, 2)) -> LabelFacts:
    return LabelFacts(size, valid, 4, Classes(np.array([valid, 0])))


def tally(*samples: SampleFacts, excluded: tuple[str, ...] = ()) -> Tally:
    found = Tally(("train", "test"), ("it",), excluded)
    for sample in samples:
        found.add(sample)
    return found


A = SampleFacts("train", "a", (2, 2), b"1", {"it": label(3)}, ())
B = SampleFacts("train", "b", (2, 2), b"2", {"it": label(0)}, ())
C = SampleFacts("train", "c", None, None, {"it": label(4)}, (Fault("image", "empty"),))
D = SampleFacts("test", "d", (4, 4), b"1", {}, (Fault("it", "odd"),))
E = SampleFacts("test", "e", None, None, {}, (Fault(WHOLE, "gone"),))


def test_images_and_labels_are_counted_by_split() -> None:
    found = tally(A, B, C, D, E, excluded=("b", "e", "elsewhere"))
    train, test = found.splits["train"], found.splits["test"]
    assert (train.images, train.excluded, train.unreadable, train.broken) == (3, 1, 1, 0)
    assert (test.images, test.excluded, test.unreadable, test.broken) == (2, 1, 1, 1)
    labels = train.tasks["it"]
    assert (labels.labelled, labels.blank, labels.valid, labels.total) == (2, 0, 7, 8)
    assert isinstance(labels.statistics, Classes)
    assert labels.statistics.counts.tolist() == [7, 0]
    assert test.tasks["it"].statistics is None


def test_what_the_recipe_leaves_out_is_found_but_does_not_fail() -> None:
    found = tally(C, D, E, excluded=("c", "e"))
    assert [row.id for row in found.faults] == ["c", "d", "e"]
    assert [row.id for row in found.failed] == ["d"]


def test_of_what_is_left_out_only_images_and_faults_count() -> None:
    twin = SampleFacts("train", "a2", (2, 2), b"1", {"it": label(4)}, (Fault("it", "odd"),))
    found, alone = tally(A, twin, excluded=("a2",)), tally(A)
    train = found.splits["train"]
    assert (train.images, train.excluded, train.broken) == (2, 1, 1)
    assert [(row.id, row.excluded) for row in found.faults] == [("a2", True)]
    assert (train.tasks["it"].labelled, train.tasks["it"].valid, train.tasks["it"].sizes) == (
        1,
        3,
        alone.splits["train"].tasks["it"].sizes,
    )
    assert found.duplicates() == []
    assert found.labelled == alone.labelled


def test_images_of_which_no_attribute_is_annotated_have_no_part_in_the_valid_share() -> None:
    def answers(id: str, valid: int) -> SampleFacts:
        facts = LabelFacts(None, valid, 4, Answers(np.zeros(4, int), np.zeros(4, int), 0))
        return SampleFacts("train", id, (2, 2), id.encode(), {"it": facts}, ())

    labels = tally(answers("a", 3), answers("b", 0)).splits["train"].tasks["it"]
    assert (labels.labelled, labels.blank, labels.valid, labels.total) == (1, 1, 3, 4)


def test_sizes_are_counted_where_the_image_is_readable() -> None:
    sideways = SampleFacts("train", "s", (2, 4), b"3", {"it": label(4, (4, 2))}, ())
    again = SampleFacts("train", "t", (2, 4), b"4", {"it": label(4, (4, 2))}, ())
    found = tally(A, C, sideways, again).splits["train"].tasks["it"]
    ((image, size, pair),) = found.related(Relation.TRANSPOSED)
    assert (image, size, pair.first, pair.count) == ((2, 4), (4, 2), "s", 2)
    assert sum(pair.count for pair in found.sizes.values()) == 3


def test_only_valid_labels_of_readable_images_are_offered_for_the_sheet() -> None:
    assert tally(A, B, C, D).labelled == {"train": {"a": {"it"}, "b": set()}, "test": {"d": set()}}


def test_equal_images_are_found_across_splits_and_counted_within() -> None:
    again = SampleFacts("train", "a2", (2, 2), b"1", {}, ())
    twin = SampleFacts("train", "b2", (2, 2), b"2", {}, ())
    groups = tally(A, B, again, twin, D).duplicates()
    assert groups == [[("train", "a"), ("train", "a2"), ("test", "d")], [("train", "b"), ("train", "b2")]]
    found = summarise(groups, ("train", "val", "test"))
    assert found.across == ((("train", "a"), ("train", "a2"), ("test", "d")),)
    assert found.within == {"train": 2, "val": 0, "test": 0}


def test_one_id_in_two_splits_is_a_duplicate() -> None:
    twice = SampleFacts("test", "a", (2, 2), b"1", {}, ())
    assert summarise(tally(A, twice).duplicates(), ("train", "test")).across == ((("train", "a"), ("test", "a")),)
