"""The data set: what is annotated and what is missing, keys of the cache, mirrors, and folders that are no CelebAMask-HQ."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mstasks import IMAGE
from mstasks.data.pipeline import Pipeline
from mstasks_celebamask_hq.names import ATTRIBUTES
from mstasks_celebamask_hq.options import CelebAMaskHQOptions
from mstasks_celebamask_hq.targets import targets

BOTH = ("segmentation", "attributes")


def test_each_image_has_the_labels_that_its_files_hold(faces: Any, all_ids: Callable[[Any], list[str]]) -> None:
    dataset = faces.dataset()
    assert sorted(all_ids(dataset), key=int) == ["0", "1", "2", "2012"]
    labelled = {id: set(dataset.load(id, BOTH).targets) for id in all_ids(dataset)}
    assert labelled == {"0": set(BOTH), "1": {"segmentation"}, "2": {"attributes"}, "2012": set()}


def test_an_image_is_the_photograph_of_its_number(faces: Any) -> None:
    image = faces.dataset().image("2")
    assert image.shape == (64, 64, 3)
    assert image.dtype == np.uint8
    assert np.abs(image[0, 0].astype(int) - [2, 50, 60]).max() <= 2


def test_an_image_is_decoded_as_small_as_is_enough(faces: Any) -> None:
    dataset = faces.dataset()
    dataset.at_least = (16, 16)
    assert dataset.image("0").shape == (16, 16, 3)
    dataset.at_least = (17, 16)
    assert dataset.image("0").shape == (32, 32, 3)


def test_masks_of_the_second_folder_are_found(faces: Any) -> None:
    faces.face(2012)
    assert faces.dataset().target("2012", "segmentation") is not None
    assert "4 images, 3 with masks" in faces.dataset().describe()


def test_zero_is_not_annotated_and_minus_one_is_absent(faces: Any) -> None:
    dataset = faces.dataset()
    first, third = dataset.target("0", "attributes"), dataset.target("2", "attributes")
    assert first.value.tolist() == [1] * 20 + [0] * 20
    assert first.value.dtype == np.float32
    assert first.valid.all()
    assert third.valid.tolist() == [False] * 39 + [True]
    assert third.value[-1] == 0


def test_chosen_attributes_come_in_the_chosen_order(faces: Any) -> None:
    dataset = faces.dataset(attributes=(ATTRIBUTES[39], ATTRIBUTES[0]))
    assert dataset.target("0", "attributes").value.tolist() == [0, 1]
    assert dataset.target("2", "attributes").valid.tolist() == [True, False]
    assert faces.dataset(attributes=(ATTRIBUTES[0],)).target("2", "attributes") is None


def test_a_flip_swaps_left_and_right(faces: Any) -> None:
    """In the picture a right eye is on the left; after a flip what is on the left must still be a right eye."""
    faces.face(0, {"r_eye": (12, 14, 4, 9)})  # larger than the left one, to tell them apart
    options = CelebAMaskHQOptions(root=faces.root)
    pipeline = Pipeline([{"HorizontalFlip": {"p": 1.0}}], targets(options), (32, 32))
    before = faces.dataset().load("0", BOTH)
    after = pipeline(before, 0)
    names = targets(options)["segmentation"].names
    index = {name: names.index(name) for name in ("l_eye", "r_eye", "skin", "hair")}
    old, new = before.targets["segmentation"].value, after.targets["segmentation"].value
    assert np.array_equal(new == index["r_eye"], (old == index["l_eye"])[:, ::-1])
    assert np.array_equal(new == index["l_eye"], (old == index["r_eye"])[:, ::-1])
    for name in ("skin", "hair"):
        assert np.array_equal(new == index[name], (old == index[name])[:, ::-1])
    assert np.argwhere(new == index["r_eye"])[:, 1].max() < 16 <= np.argwhere(new == index["l_eye"])[:, 1].min()
    assert np.array_equal(after.targets["attributes"].value, before.targets["attributes"].value)


def test_a_source_lists_every_part_that_could_change_the_map(faces: Any) -> None:
    source = faces.dataset().source("1", "segmentation")
    folder = faces.root / "CelebAMask-HQ-mask-anno" / "0"
    assert len(source.files) == 18
    assert folder / "00001_hat.png" in source.files
    assert not (folder / "00001_hat.png").exists()
    assert faces.dataset().source("1", IMAGE).files == (faces.root / "CelebA-HQ-img" / "1.jpg",)
    assert faces.dataset().source("1", "attributes") is None


def test_settings_tell_classes_apart(faces: Any) -> None:
    choices = [19, 3, ("hair", "skin"), ("skin", "hair"), ("hair",)]
    settings = {faces.dataset(masks=masks).source("0", "segmentation").settings for masks in choices}
    assert len(settings) == len(choices)
    assert faces.dataset(attributes=("Male",)).source("0", "segmentation") == faces.dataset().source(
        "0", "segmentation"
    )


def test_a_part_that_appears_is_seen_and_changes_what_a_map_is_made_of(faces: Any) -> None:
    dataset = faces.dataset(masks=("hat",))
    nothing = dataset.source("2012", "segmentation")
    assert dataset.target("2012", "segmentation") is None
    assert len(nothing.files) == 18  # so a key that tells which exist will differ from now on
    faces.face(2012, {"skin": (8, 28, 8, 24)})
    assert not dataset.target("2012", "segmentation").value.any()
    faces.face(2012, {"hat": (0, 8, 8, 24)})
    assert dataset.target("2012", "segmentation").value.sum() == 8 * 16


def test_a_data_set_is_cheap_to_pickle_and_the_same_afterwards(faces: Any) -> None:
    dataset = faces.dataset()
    copy = pickle.loads(pickle.dumps(dataset))
    assert [copy.ids(split) for split in ("train", "val", "test")] == [
        dataset.ids(split) for split in ("train", "val", "test")
    ]
    assert np.array_equal(copy.target("0", "segmentation").value, dataset.target("0", "segmentation").value)
    assert len(pickle.dumps(dataset)) < 5000


def test_the_parent_will_do_as_root(faces: Any) -> None:
    dataset = type(faces.dataset())(CelebAMaskHQOptions(root=faces.root.parent), (32, 32))
    assert dataset.describe() == faces.dataset().describe()


def test_what_was_found_is_described(faces: Any, tmp_path: Path) -> None:
    found = faces.dataset().describe()
    assert found.startswith("CelebAMask-HQ in '")
    assert "4 images, 2 with masks, 2 with attributes. Split by hash, seed 0: " in found
    for name, ids in (("train", "0\n1\n"), ("val", "2\n"), ("test", "2012\n")):
        (tmp_path / f"{name}.txt").write_text(ids)
    lists = {"name": "lists", **{name: tmp_path / f"{name}.txt" for name in ("train", "val", "test")}}
    assert faces.dataset(split=lists).describe().endswith("Split by lists: 2 train, 1 val, 1 test.")
    mapping = "".join(f"{number} 0 {file}.jpg\n" for number, file in ((0, 1), (1, 2), (2, 170000), (2012, 200000)))
    (faces.root / "CelebA-HQ-to-CelebA-mapping.txt").write_text(mapping)
    assert "Split as CelebA by its bounds: 2 train, 1 val, 1 test." in faces.dataset(split="celeba").describe()
    (faces.root / "list_eval_partition.txt").write_text("1.jpg 0\n2.jpg 1\n170000.jpg 2\n200000.jpg 2\n")
    assert "list_eval_partition.txt': 1 train, 1 val, 2 test." in faces.dataset(split="celeba").describe()


def test_files_that_are_no_image_of_the_set_are_left_alone(faces: Any, all_ids: Callable[[Any], list[str]]) -> None:
    for name in ("007.jpg", "cover.jpg", "5.png", ".jpg", "٣.jpg"):
        (faces.root / "CelebA-HQ-img" / name).write_bytes(b"")
    (faces.root / "CelebAMask-HQ-mask-anno" / "0" / "02012_skin.png").write_bytes(b"")  # belongs into folder 1
    (faces.root / "CelebAMask-HQ-mask-anno" / "notes.txt").write_text("")
    dataset = faces.dataset()
    assert len(all_ids(dataset)) == 4
    assert dataset.target("2012", "segmentation") is None
    assert "4 images, 2 with masks" in dataset.describe()


def test_without_an_attribute_file_there_are_masks_alone(faces: Any) -> None:
    (faces.root / "CelebAMask-HQ-attribute-anno.txt").unlink()
    dataset = faces.dataset()
    assert set(dataset.load("0", ["segmentation"]).targets) == {"segmentation"}
    assert "2 with masks, 0 with attributes" in dataset.describe()
    with pytest.raises(ValueError, match=r"There is no '.*attribute-anno.txt', which holds the attributes"):
        dataset.target("0", "attributes")
    with pytest.raises(ValueError, match=r"There is no '.*attribute-anno.txt'"):
        faces.dataset(attributes=("Male",))


def test_without_masks_there_are_attributes_alone(folder: Any) -> None:
    folder.image(5, 6)
    folder.attributes({5: [1] * 40})
    dataset = folder.dataset()
    assert set(dataset.load("5", ["attributes"]).targets) == {"attributes"}
    with pytest.raises(
        ValueError, match=r"There is no mask of any image in '.*mask-anno'. It .* files such as '0/00005_skin.png'"
    ):
        dataset.target("5", "segmentation")


def test_an_attribute_file_with_fewer_columns_needs_a_choice(folder: Any) -> None:
    folder.image(5)
    folder.attributes({5: [1, -1]}, ["Young", "Male"])
    assert folder.dataset(attributes=("Male",)).target("5", "attributes").value.tolist() == [0]
    with pytest.raises(ValueError, match=r"anno.txt:2: there is no attribute '5_o_Clock_Shadow'. Found Young, Male"):
        folder.dataset()


@pytest.mark.parametrize("id", ["3", "00", "x", "", "-1", "99999999999"])
def test_an_unknown_id_is_refused(faces: Any, id: str) -> None:
    dataset = faces.dataset()
    for ask in (dataset.image, lambda id: dataset.target(id, "attributes"), lambda id: dataset.source(id, IMAGE)):
        with pytest.raises(ValueError, match=rf"There is no image '{id}' in '.*CelebA-HQ-img'"):
            ask(id)


def test_a_photograph_that_cannot_be_read_is_named(faces: Any) -> None:
    (faces.root / "CelebA-HQ-img" / "0.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut short")
    with pytest.raises(ValueError, match=r"'.*CelebA-HQ-img.0.jpg' cannot be read as a picture"):
        faces.dataset().image("0")


def test_another_folder_is_refused_with_what_was_looked_for(tmp_path: Path, folder: Any) -> None:
    with pytest.raises(ValueError, match=r"'.*CelebA-HQ-img' holds no photographs. They should be called 0.jpg, 1.jpg"):
        folder.dataset()
    folder.root = tmp_path / "nowhere"
    with pytest.raises(ValueError, match=r"There is no folder '.*nowhere'. It should be CelebAMask-HQ/ .* `data.root`"):
        folder.dataset()
    folder.root = tmp_path / "empty"
    folder.root.mkdir()
    with pytest.raises(
        ValueError, match=r"'.*empty' holds neither CelebA-HQ-img/ nor CelebAMask-HQ/CelebA-HQ-img/, .* `data.root`"
    ):
        folder.dataset()
