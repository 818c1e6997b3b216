"""Ids are what is on disk: sub-folders, endings and suffixes; what is odd is refused or skipped by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from mstasks import Split
from mstasks_folder.dataset import Folder

Make, Save, Images = Callable[..., Folder], Callable[[str, ArrayLike], Path], Callable[..., list[str]]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
MASK = np.zeros((4, 6), np.uint8)


def every(dataset: Folder) -> list[str]:
    return sorted(id for split in SPLITS for id in dataset.ids(split))


def labelled(dataset: Folder, name: str, ids: Sequence[str]) -> list[str]:
    return [id for id in ids if dataset.target(id, name) is not None]


def test_an_id_is_the_path_below_the_images_without_suffix(make: Make, images: Images) -> None:
    names = ["b.PNG", "a.png", "kitchen/1.tif", "kitchen/deep/1.jpeg", "Büro v1.2.bmp"]
    images(names)
    dataset = make()
    assert every(dataset) == ["Büro v1.2", "a", "b", "kitchen/1", "kitchen/deep/1"]
    assert dataset.image("b")[0, 0].tolist() == [0, 0, 0]
    assert dataset.image("kitchen/1")[0, 0].tolist() == [2, 2, 2]


def test_hidden_and_other_files_are_passed_over(make: Make, images: Images, tmp_path: Path) -> None:
    images(4)
    for name in (".hidden.png", ".cache/x.png", "notes.txt", "Thumbs.db", ".png", "png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    assert every(make()) == ["000", "001", "002", "003"]


def test_a_label_is_found_by_id_ending_and_any_suffix(make: Make, images: Images, save: Save) -> None:
    images(["a.jpg", "room/b.png", "c.png", "d.png"])
    save("seg/a_mask.png", MASK)
    save("seg/room/b_mask.npy", MASK)
    save("seg/c.png", MASK)  # without the ending: of no image
    dataset = make(targets={"seg": {"kind": "label-map", "names": ["x"], "ending": "_mask"}})
    assert labelled(dataset, "seg", every(dataset)) == ["a", "room/b"]
    assert dataset.load("c", ["seg"]).targets == {}


def test_images_may_have_an_ending_too(make: Make, images: Images, save: Save) -> None:
    images(["a_photo.png", "b_photo.png", "c_photo.png", "other.png"])
    save("depth/a.npy", np.ones((4, 6)))
    dataset = make(image_ending="_photo")
    assert every(dataset) == ["a", "b", "c"]
    assert labelled(dataset, "depth", ["a", "b", "c"]) == ["a"]


def test_labels_may_lie_among_the_images_if_their_ending_tells_them_apart(
    make: Make, images: Images, save: Save
) -> None:
    images(["a.jpg", "b.jpg", "c.jpg"], "all")
    save("all/a_seg.png", MASK)
    save("all/b_depth.png", np.ones((4, 6), np.uint16))
    targets = {
        "seg": {"kind": "label-map", "names": ["x"], "folder": "all", "ending": "_seg"},
        "depth": {"kind": "depth-map", "unit": "metres", "folder": "all", "ending": "_depth"},
    }
    dataset = make(images="all", targets=targets)
    assert every(dataset) == ["a", "b", "c"]
    assert labelled(dataset, "seg", every(dataset)) == ["a"]
    assert labelled(dataset, "depth", every(dataset)) == ["b"]


def test_label_folders_inside_the_images_folder_hold_no_images(make: Make, images: Images, save: Save) -> None:
    images(3, ".")
    save("masks/000.png", MASK)
    dataset = make(images=".", targets={"seg": {"kind": "label-map", "names": ["x"], "folder": "masks"}})
    assert every(dataset) == ["000", "001", "002"]
    assert labelled(dataset, "seg", ["000", "001"]) == ["000"]


def test_two_files_of_one_id_are_refused_by_name(make: Make, images: Images, save: Save) -> None:
    images(["000.png", "001.png", "002.png", "sub/001.jpg"])
    save("depth/001.png", MASK)
    save("depth/001.npy", MASK)
    with pytest.raises(
        ValueError, match=r"depth.001\.png' and '001\.npy' beside it have the same id\. Keep one of the two\."
    ):
        make()
    save("images/002.jpg", np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(ValueError, match=r"images.002\.png' and '002\.jpg' beside it have the same id"):
        make()


def test_what_is_missing_altogether_is_refused_by_name(make: Make, images: Images, save: Save, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no folder '.*images'\. Beside it: depth\.$"):
        make()
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "x.heic").write_bytes(b"")
    with pytest.raises(ValueError, match=r"There are no images in '.*images'; 1 other files\. .* one of \.bmp, \.jpeg"):
        make()
    images(3)
    (tmp_path / "depth").rename(tmp_path / "depht")
    with pytest.raises(ValueError, match=r"There is no folder '.*depth'\. Beside it: depht, images\.$"):
        make(create=False)
    with pytest.raises(ValueError, match=r"There is no folder '.*nowhere', which `data.root` names"):
        make(create=False, root=str(tmp_path / "nowhere"))


def test_labels_none_of_which_belongs_to_an_image_are_refused(make: Make, images: Images, save: Save) -> None:
    images(3)
    save("depth/000_depth.npy", np.ones((4, 6)))
    with pytest.raises(
        ValueError,
        match=r"No file of target 'depth' in '.*depth' belongs to an image: 1 label files, such as that of '000_depth', "
        r"0 other files\. A label is called like its image, such as '000', with `ending` and one of \.png, \.npy",
    ):
        make()


def test_an_empty_label_folder_is_no_label_at_all(make: Make, images: Images) -> None:
    images(3)
    assert "with labels: depth 0." in make().describe()


def test_links_in_circles_end(make: Make, images: Images, tmp_path: Path) -> None:
    images(["a.png", "sub/b.png", "sub/c.png"])
    (tmp_path / "images" / "sub" / "again").symlink_to(tmp_path / "images")
    (tmp_path / "images" / "self").symlink_to(tmp_path / "images" / "self")
    dataset = make()
    assert every(dataset) == ["a", "sub/b", "sub/c"]
    assert "1 skipped: '" in dataset.describe()
    assert "again' is the same folder as '" in dataset.describe()


def test_a_link_to_a_folder_elsewhere_is_followed(make: Make, images: Images, tmp_path: Path) -> None:
    images(3, "elsewhere")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "linked").symlink_to(tmp_path / "elsewhere")
    assert every(make()) == ["linked/000", "linked/001", "linked/002"]


@pytest.mark.parametrize("link", ["a", "latest"])
def test_a_link_to_a_folder_among_the_images_hides_nothing(
    make: Make, images: Images, tmp_path: Path, link: str
) -> None:
    images(["kitchen/000.png", "kitchen/deep/001.png", "zoo/002.png"])
    (tmp_path / "images" / link).symlink_to(tmp_path / "images" / "kitchen")
    (tmp_path / "images" / f"{link}-deep").symlink_to(tmp_path / "images" / "kitchen" / "deep")
    assert sorted(every(make())) == ["kitchen/000", "kitchen/deep/001", "zoo/002"]


def test_names_that_are_no_text_are_skipped_and_counted(make: Make, images: Images, tmp_path: Path) -> None:
    images(3)
    (tmp_path / "depth").mkdir()
    for name in (b"images/\xff\xfe.png", b"depth/new\nline.png"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"")
    dataset = make()
    assert every(dataset) == ["000", "001", "002"]
    assert "2 skipped: '" in dataset.describe()
    assert "has a name that is no text in UTF-8 or holds control codes, ..." in dataset.describe()
    dataset.describe().encode()


def test_what_is_called_like_a_file_and_is_none_is_refused_when_it_is_read(
    make: Make, images: Images, tmp_path: Path
) -> None:
    images(3)
    (tmp_path / "images" / "dir.png").mkdir()
    (tmp_path / "images" / "gone.png").symlink_to(tmp_path / "nothing.png")
    (tmp_path / "depth").mkdir()
    os.mkfifo(tmp_path / "depth" / "000.png")
    dataset = make()
    with pytest.raises(ValueError, match=r"'.*dir.png' is a folder"):
        dataset.image("dir")
    with pytest.raises(ValueError, match=r"There is no '.*gone.png'"):
        dataset.image("gone")
    with pytest.raises(ValueError, match=r"'.*000.png' is a pipe"):
        dataset.target("000", "depth")


def test_a_broken_image_is_refused_by_name(make: Make, images: Images, tmp_path: Path) -> None:
    images(3)
    (tmp_path / "images" / "001.png").write_bytes(b"rubbish")
    with pytest.raises(ValueError, match=r"'.*001.png' cannot be read as a picture"):
        make().load("001", [])
