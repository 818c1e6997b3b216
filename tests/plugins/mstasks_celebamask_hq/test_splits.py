"""Splits by hash and by lists: disjoint, the same everywhere, and each with its share of every annotation."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest

from mstasks_celebamask_hq.options import HashSplit, ListSplit
from mstasks_celebamask_hq.splits import hash_split, list_split

NUMBERS = np.arange(300, dtype=np.int32)
PINNED = {"val": [26, 27, 36, 43, 60, 75, 79, 82], "test": [9, 11, 20, 24, 39, 44, 57, 62]}
NO_MASK, NOTHING = np.zeros(300, np.bool_), np.zeros((300, 40), np.bool_)


def test_images_that_are_annotated_alike_are_ranked_by_the_hash_of_seed_and_id() -> None:
    found = hash_split(NUMBERS, NO_MASK, NOTHING, HashSplit(val_fraction=0.2, test_fraction=0.1, seed=5))
    ranked = sorted(range(300), key=lambda number: blake2b(f"5:{number}".encode(), digest_size=16).digest())
    assert found["test"].tolist() == sorted(ranked[:30])
    assert found["val"].tolist() == sorted(ranked[30:90])
    assert found["train"].tolist() == sorted(ranked[90:])


def test_the_split_is_pinned() -> None:
    found = hash_split(NUMBERS, NO_MASK, NOTHING, HashSplit())
    assert found["test"][:8].tolist() == PINNED["test"]
    assert found["val"][:8].tolist() == PINNED["val"]


def test_every_split_has_its_share_of_each_annotation() -> None:
    masked = NUMBERS % 3 == 0
    annotated = NOTHING.copy()
    annotated[:150, :4] = True
    annotated[150:] = True
    found = hash_split(NUMBERS, masked, annotated, HashSplit(val_fraction=0.1, test_fraction=0.2))
    for name, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
        counts = Counter(zip(masked[found[name]].tolist(), annotated[found[name]].sum(1).tolist(), strict=True))
        assert counts == {
            (True, 4): 50 * share, (True, 40): 50 * share, (False, 4): 100 * share, (False, 40): 100 * share,
        }  # fmt: skip


def test_the_splits_are_disjoint_and_hold_every_image_once() -> None:
    generator = np.random.default_rng(0)
    found = hash_split(NUMBERS, generator.random(300) < 0.5, generator.random((300, 40)) < 0.5, HashSplit())
    assert sorted(np.concatenate(list(found.values())).tolist()) == NUMBERS.tolist()


def test_images_that_are_annotated_like_few_others_reach_every_split() -> None:
    """Here each image has a pattern of its own."""
    generator = np.random.default_rng(0)
    masked = NUMBERS < 200
    found = hash_split(NUMBERS, masked, generator.random((300, 40)) < 0.5, HashSplit())
    assert {name: len(part) for name, part in found.items()} == {"train": 240, "val": 30, "test": 30}
    assert {name: int(masked[part].sum()) for name, part in found.items()} == {"train": 160, "val": 20, "test": 20}


def test_a_larger_val_does_not_change_test() -> None:
    small, large = (hash_split(NUMBERS, NO_MASK, NOTHING, HashSplit(val_fraction=value)) for value in (0.1, 0.3))
    assert np.array_equal(small["test"], large["test"])
    assert set(small["val"].tolist()) < set(large["val"].tolist())


def test_another_seed_splits_otherwise() -> None:
    one, other = (hash_split(NUMBERS, NO_MASK, NOTHING, HashSplit(seed=seed)) for seed in (0, 1))
    assert not np.array_equal(one["test"], other["test"])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_smallest_folders_can_be_split(count: int) -> None:
    found = hash_split(NUMBERS[:count], NO_MASK[:count], NOTHING[:count], HashSplit())
    assert len(found["train"]) == 1
    assert sorted(np.concatenate(list(found.values())).tolist()) == list(range(count))


def lists(folder: Path, train: str, val: str, test: str) -> ListSplit:
    for name, text in (("train", train), ("val", val), ("test", test)):
        (folder / f"{name}.txt").write_text(text)
    return ListSplit(train=folder / "train.txt", val=folder / "val.txt", test=folder / "test.txt")


def test_lists_are_taken_as_they_are(tmp_path: Path) -> None:
    found = list_split(NUMBERS, tmp_path, lists(tmp_path, "12\n3.jpg\n\n", "4", "299.jpg\n0\n"))
    assert {name: part.tolist() for name, part in found.items()} == {"train": [3, 12], "val": [4], "test": [0, 299]}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("1\n300\n301\n", "2", "3"), r"'.*train.txt' lists '300' and 1 more, of which there is no photograph in "),
        (("1", "00002\n", "3"), r"'.*val.txt' lists '00002', of which .* An image is listed as 12 or 12.jpg"),
        (("1", "2", "3\n1\n"), r"Image '1' is listed in '.*train.txt' and in '.*test.txt'"),
        (("1\n1.jpg\n", "2", "3"), r"'.*train.txt' lists image '1' twice"),
        (("1\n1\n", "2", "3"), r"train.txt:2: the id '1' stands in line 1 already"),
        (("1", "", "3"), r"'.*val.txt' lists no ids"),
    ],
)
def test_wrong_lists_are_explained(tmp_path: Path, texts: tuple[str, str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list_split(NUMBERS, tmp_path, lists(tmp_path, *texts))


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    split = lists(tmp_path, "1", "2", "3")
    split.val.unlink()
    with pytest.raises(ValueError, match=r"There is no '.*val.txt'"):
        list_split(NUMBERS, tmp_path, split)
