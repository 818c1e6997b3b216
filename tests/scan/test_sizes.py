"""Sizes are compared up to a pixel of rounding, and those of files are known even if they were decoded smaller."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mstasks import FileDataset, RawTarget, Source, Split, read_image
from mstasks.scan.sizes import Relation, relation, silently_turned, stored_size


@pytest.mark.parametrize(
    ("image", "label", "expected"),
    [
        ((480, 640), (480, 640), Relation.SAME),
        ((480, 640), (240, 320), Relation.SCALED),
        ((481, 641), (240, 320), Relation.SCALED),
        ((1024, 1024), (512, 512), Relation.SCALED),
        ((375, 1242), (94, 311), Relation.SCALED),
        ((480, 640), (256, 320), Relation.ASPECT),
        ((480, 640), (480, 624), Relation.ASPECT),
        ((480, 640), (640, 480), Relation.TRANSPOSED),
        ((480, 640), (320, 240), Relation.TRANSPOSED),
        ((512, 512), (256, 256), Relation.SCALED),
    ],
)
def test_sizes_are_compared(image: tuple[int, int], label: tuple[int, int], expected: Relation) -> None:
    assert relation(image, label) is expected


@pytest.mark.parametrize("seed", range(5))
def test_a_resize_with_rounding_keeps_the_aspect(seed: int) -> None:
    generator = np.random.default_rng(seed)
    for _ in range(100):
        height, width = (int(side) for side in generator.integers(50, 2000, 2))
        scale = generator.uniform(0.1, 1)
        small = (max(1, round(height * scale)), max(1, round(width * scale)))
        assert relation((height, width), small) in (Relation.SAME, Relation.SCALED)
        assert relation(small, (height, width)) in (Relation.SAME, Relation.SCALED)


class One(FileDataset):
    """A photograph, cropped or not."""

    def __init__(self, path: Path, crop: int = 0) -> None:
        self.path, self.crop = path, crop

    def ids(self, split: Split) -> list[str]:
        return ["a"]

    def image(self, id: str) -> NDArray[np.uint8]:
        return read_image(self.path, self.at_least)[self.crop :]

    def target(self, id: str, name: str) -> RawTarget | None:
        return None

    def source(self, id: str, part: str) -> Source:
        return Source((self.path, self.path.with_suffix(".png")))

    def describe(self) -> str:
        return "one"


def size(dataset: One) -> tuple[int, int]:
    image = dataset.image("a")
    return stored_size(dataset, "a", (image.shape[0], image.shape[1]))


def test_a_photograph_decoded_smaller_has_the_size_of_its_file(tmp_path: Path) -> None:
    Image.new("RGB", (401, 300)).save(tmp_path / "a.jpg")
    dataset = One(tmp_path / "a.jpg")
    dataset.at_least = (64, 64)
    assert dataset.image("a").shape[:2] != (300, 401), "the photograph was not decoded smaller; nothing is tested"
    assert size(dataset) == (300, 401)


def test_a_turned_photograph_has_its_upright_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 300)).save(tmp_path / "a.jpg", exif=exif)
    dataset = One(tmp_path / "a.jpg")
    dataset.at_least = (64, 64)
    assert size(dataset) == (400, 300)


def test_what_a_data_set_crops_has_the_size_that_it_gives(tmp_path: Path) -> None:
    Image.new("RGB", (400, 300)).save(tmp_path / "a.jpg")
    dataset = One(tmp_path / "a.jpg", crop=10)
    dataset.at_least = (64, 64)
    assert size(dataset) == dataset.image("a").shape[:2]


def test_what_is_not_decoded_smaller_keeps_its_size(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    assert size(One(tmp_path / "a.png")) == (30, 40)


@pytest.mark.parametrize("shape", [(40, 30), (30, 30)], ids=["oblong", "square"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_that_the_size_does_not_show_is_noticed(
    tmp_path: Path, orientation: int, shape: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", shape).save(tmp_path / "a.jpg", exif=exif)
    changes = read_image(tmp_path / "a.jpg").shape[:2] != (shape[1], shape[0])
    assert silently_turned(One(tmp_path / "a.jpg"), "a") is (orientation != 1 and not changes)


def test_a_photograph_without_an_orientation_or_that_is_no_jpeg_is_not_turned(tmp_path: Path) -> None:
    Image.new("RGB", (30, 30)).save(tmp_path / "a.jpg")
    Image.new("RGB", (30, 30)).save(tmp_path / "b.bmp")
    (tmp_path / "c.jpg").write_bytes(b"no picture")
    assert not any(silently_turned(One(tmp_path / name), "a") for name in ("a.jpg", "b.bmp", "c.jpg", "d.jpg"))


def test_a_turn_within_the_rounding_of_a_label_is_noticed(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 401)).save(tmp_path / "a.jpg", exif=exif)
    assert silently_turned(One(tmp_path / "a.jpg"), "a")
