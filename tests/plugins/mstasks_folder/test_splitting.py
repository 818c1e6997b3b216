"""Train, val and test by fraction, list and folder: disjoint, the same everywhere, refused where unclear."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from mstasks import Split
from mstasks_folder.dataset import Folder
from mstasks_folder.options import SplitOptions
from mstasks_folder.splitting import make_splits

Make, Images = Callable[..., Folder], Callable[..., list[str]]
IDS = [f"{number:03d}" for number in range(200)]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


def split(ids: list[str] = IDS, **options: object) -> dict[Split, set[str]]:
    made = make_splits(ids, SplitOptions.model_validate(options), Path(), lambda text: text)
    return {name: set(part) for name, part in made.items()}


def test_fractions_are_of_all_images_and_every_image_is_in_one_split() -> None:
    found = split(val=0.1, test=0.25)
    assert {name: len(part) for name, part in found.items()} == {"train": 130, "val": 20, "test": 50}
    assert found["train"] | found["val"] | found["test"] == set(IDS)


def test_the_order_of_the_ids_and_the_size_of_val_do_not_change_the_test_images() -> None:
    shuffled = random.Random(0).sample(IDS, len(IDS))
    assert split(shuffled) == split()
    assert split(val=0.5)["test"] == split(val=0.1)["test"]


def test_another_seed_tests_on_other_images() -> None:
    assert split(seed=1)["test"] != split(seed=0)["test"]


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2 of 2 images are left for train and val and test, which is too few"):
        split(["a", "b"])
    assert {name: len(part) for name, part in split(["a", "b", "c"]).items()} == {"train": 1, "val": 1, "test": 1}


def test_lists_name_ids_or_files_and_keep_their_order(make: Make, images: Images, tmp_path: Path) -> None:
    images(["a.png", "b.jpg", "sub/c.png", "d.png", "e.png"])
    (tmp_path / "train.txt").write_text("\ufeffsub/c\r\n\r\na.png\r\n", encoding="utf-8")
    (tmp_path / "val.txt").write_text("b.jpg\n")
    (tmp_path / "test.txt").write_text("d")
    dataset = make(split={"train": "train.txt", "val": "val.txt", "test": "test.txt"})
    assert [list(dataset.ids(name)) for name in SPLITS] == [["sub/c", "a"], ["b"], ["d"]]
    assert "5 images: 2 train, 1 val, 1 test, 1 in no split;" in dataset.describe()


def test_lists_may_name_files_by_their_whole_name(make: Make, images: Images, tmp_path: Path) -> None:
    images([f"{name}_photo.png" for name in "abcd"])
    (tmp_path / "test.txt").write_text("b_photo.png\nc")
    assert list(make(image_ending="_photo", split={"test": "test.txt"}).ids("test")) == ["b", "c"]


def test_val_is_taken_from_the_list_of_train(make: Make, images: Images, tmp_path: Path) -> None:
    ids = images(12)
    (tmp_path / "train.txt").write_text("\n".join(ids[:8]))
    (tmp_path / "test.txt").write_text("\n".join(ids[8:10]))
    dataset = make(split={"train": "train.txt", "val": 0.25, "test": "test.txt"})
    assert len(dataset.ids("val")) == 2
    assert sorted([*dataset.ids("train"), *dataset.ids("val")]) == ids[:8]
    assert list(dataset.ids("test")) == ids[8:10]


def test_without_a_list_of_train_it_is_all_the_rest(make: Make, images: Images, tmp_path: Path) -> None:
    ids = images(6)
    (tmp_path / "test.txt").write_text("\n".join(ids[:2]))
    dataset = make(split={"val": 0.25, "test": "test.txt"})
    assert sorted([*dataset.ids("train"), *dataset.ids("val")]) == ids[2:]
    assert len(dataset.ids("val")) == 1


def test_folders_are_splits(make: Make, images: Images) -> None:
    images(["train/1.png", "train/2.png", "valid/1.png", "test/x/1.png"])
    dataset = make(split={"train": "train", "val": "valid/", "test": "test"})
    assert [list(dataset.ids(name)) for name in SPLITS] == [["train/1", "train/2"], ["valid/1"], ["test/x/1"]]


def test_the_folder_of_a_split_may_stand_above_the_images(make: Make, images: Images, tmp_path: Path) -> None:
    for name in ("train", "val"):
        images(3, f"{name}/images")
        (tmp_path / name / "masks").mkdir()
        (tmp_path / name / "masks" / "001.png").write_bytes((tmp_path / name / "images" / "000.png").read_bytes())
    seg = {"kind": "label-map", "names": ["x"], "folder": "{split}/masks"}
    options = {"images": "{split}/images", "targets": {"seg": seg}, "split": {"train": "train", "test": "val"}}
    dataset = make(**options)
    assert list(dataset.ids("test")) == ["val/000", "val/001", "val/002"]
    assert sorted([*dataset.ids("train"), *dataset.ids("val")]) == ["train/000", "train/001", "train/002"]
    assert dataset.target("val/001", "seg") is not None
    assert dataset.target("val/000", "seg") is None
    source = dataset.source("val/001", "seg")
    assert source is not None
    assert source.files == (tmp_path / "val" / "masks" / "001.png",)


REFUSED = {
    "missing": (
        {"val": "one.txt"},
        r"'.*one.txt' lists 2 of 3 ids that no image has; the first is 'zzz' in line 2\.",
        "000\nzzz\n000.jpg\n",
    ),
    "twice": ({"val": "one.txt"}, r"'.*one.txt', line 3: '001' stands in line 1 already", "001\n002\n001"),
    "twice as file": ({"val": "one.txt"}, r"line 2: '001.png' stands in line 1 already", "001\n001.png"),
    "empty": ({"val": "one.txt"}, r"'.*one.txt' lists no ids", "\n \n"),
    "absent": ({"val": "other.txt"}, r"There is no '.*other.txt'", ""),
    "both": (
        {"val": "one.txt", "test": "one.txt"},
        r"2 images are in val \('one.txt'\) and in test \('one.txt'\), such as '001'\.",
        "002\n001",
    ),
    "no such folder": (
        {"val": "vall"},
        r"no images below 'vall', a folder of `split`\. A list must end in '\.txt'",
        "",
    ),
    "nothing left": ({"val": "one.txt"}, r"0 of 3 images are left for train and test", "000\n001\n002"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_lists_and_folders_that_do_not_fit_are_refused(make: Make, images: Images, tmp_path: Path, case: str) -> None:
    options, text, listed = REFUSED[case]
    images(3)
    (tmp_path / "one.txt").write_text(listed)
    with pytest.raises(ValueError, match=text):
        make(split=options)


@pytest.mark.parametrize(
    ("folders", "apart"),
    [
        (("train", "val", "test"), "{train: train, val: val, test: test}"),
        (("train", "valid", "other"), "{train: train, val: valid}"),
        (("train", "test"), "{train: train, test: test}"),
        (("Train", "Validation"), "{train: Train, val: Validation}"),
    ],
)
def test_folders_called_like_splits_are_not_mixed_unasked(folders: tuple[str, ...], apart: str) -> None:
    ids = [f"{folder}/{number}" for folder in folders for number in range(9)]
    with pytest.raises(ValueError, match=rf"are called like splits.* Keep them apart by `split: {apart}`, or mix them"):
        split(ids, seed=1)
    assert len(split(ids, val=0.1, test=0.1)["train"]) > 9
    for harmless in ("train", "kitchen"):
        split([f"{harmless}/{number}" for number in range(9)])
