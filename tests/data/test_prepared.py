"""Resizing first gives the samples that resizing last gives, wherever the augmentation lets it."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mstasks.data.file_dataset import FileDataset, Source
from mstasks.data.pipeline import Pipeline
from mstasks.data.prepared import Prepared, prepared
from mstasks.data.sample import RawTarget
from mstasks.targets import TargetInfo, TargetKind

INFOS = {
    "classes": TargetInfo(TargetKind.LABEL_MAP, tuple("abcdefg"), pairs=(("a", "b"),)),
    "depth": TargetInfo(TargetKind.DEPTH_MAP),
    "normals": TargetInfo(TargetKind.VECTOR_MAP),
    "tags": TargetInfo(TargetKind.ATTRIBUTES, ("x", "y")),
}
SIZE = (32, 48)


class Memory(FileDataset):
    """Samples of 60x90 with labels of 40x60; `a` lacks its depth."""

    def __init__(self, label: tuple[int, int] = (40, 60)) -> None:
        self.label = label
        self.reads: list[str] = []

    def ids(self, split: str) -> Sequence[str]:
        return ["a", "b"]

    def describe(self) -> str:
        return "two samples"

    def source(self, id: str, part: str) -> Source | None:
        return Source((Path(f"{id}.{part}"),), (part,))

    def image(self, id: str) -> NDArray[np.uint8]:
        self.reads.append(id)
        return np.random.default_rng(ord(id)).integers(0, 256, (60, 90, 3), dtype=np.uint8)

    def target(self, id: str, name: str) -> RawTarget | None:
        generator = np.random.default_rng([ord(id), len(name)])
        valid = generator.random(self.label) < 0.8
        if name == "tags":
            return RawTarget(np.array([0, 1], np.float32), np.array([True, False]))
        if name == "classes":
            return RawTarget(generator.integers(0, 7, self.label, dtype=np.uint8), valid)
        if name == "depth":
            return None if id == "a" else RawTarget(generator.random(self.label).astype(np.float32), valid)
        vectors = generator.normal(size=(*self.label, 3)).astype(np.float32)
        return RawTarget(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), valid)


@pytest.mark.parametrize("transforms", [[], [{"HorizontalFlip": {"p": 0.5}}, {"VerticalFlip": {"p": 0.5}}]])
@pytest.mark.parametrize("seed", [None, 0, 1, 2, 3])
def test_a_sample_comes_out_the_same(transforms: list[Any], seed: int | None) -> None:
    pipeline = Pipeline(transforms, INFOS, SIZE)
    for id in ("a", "b"):
        late = pipeline(Memory().load(id, tuple(INFOS)), seed)
        early = pipeline(prepared(Memory(), INFOS, SIZE, transforms).load(id, tuple(INFOS)), seed)
        assert (
            np.abs(early.image.astype(int) - late.image.astype(int)).max() <= 1
        )  # rounding of means, from either side
        assert early.targets.keys() == late.targets.keys()
        for name, target in early.targets.items():
            np.testing.assert_array_equal(target.value, late.targets[name].value)
            np.testing.assert_array_equal(target.valid, late.targets[name].valid)


@pytest.mark.parametrize("name", ["RandomResizedCrop", "Rotate", "GaussianBlur", "Transpose"])
def test_what_depends_on_the_size_comes_first(name: str) -> None:
    dataset = Memory()
    assert prepared(dataset, INFOS, SIZE, [{"HorizontalFlip": {}}, {name: {}}]) is dataset


def test_a_data_set_that_loads_in_its_own_way_is_left_alone() -> None:
    class Own(Memory):
        def load(self, id: str, targets: Any) -> Any:
            return super().load(id, targets)

    dataset = Own()
    assert prepared(dataset, INFOS, SIZE, []) is dataset


def test_the_size_is_part_of_what_a_dense_part_is_made_of() -> None:
    one, other = Prepared(Memory(), INFOS, SIZE), Prepared(Memory(), INFOS, (16, 24))
    for part in ("image", "classes", "depth", "normals"):
        assert one.source("a", part) != other.source("a", part)
        assert one.source("a", part) != Memory().source("a", part)
    assert one.source("a", "tags") == Memory().source("a", "tags")


def test_a_label_depends_on_the_image_that_it_is_compared_with() -> None:
    one = Prepared(Memory(), INFOS, SIZE)
    labelled = one.source("a", "depth")
    assert labelled is not None
    assert labelled.files == (Path("a.depth"), Path("a.image"))
    pictured = one.source("a", "image")
    assert pictured is not None
    assert pictured.files == (Path("a.image"),)


def test_a_label_depends_on_the_settings_of_its_image_and_is_not_known_without_its_source() -> None:
    class Turned(Memory):
        def source(self, id: str, part: str) -> Source | None:
            return Source((Path(id),), ("turned",) if part == "image" else ())

    class Unknown(Memory):
        def source(self, id: str, part: str) -> Source | None:
            return None if part == "image" else Source((Path(id),))

    label = Prepared(Turned(), INFOS, SIZE).source("a", "depth")
    assert label is not None
    assert "turned" in label.settings
    assert Prepared(Unknown(), INFOS, SIZE).source("a", "depth") is None


def test_an_image_is_read_once_for_itself_and_its_labels() -> None:
    dataset = Memory()
    resized = Prepared(dataset, INFOS, SIZE)
    for id in ("a", "b"):
        resized.load(id, tuple(INFOS))
    assert dataset.reads == ["a", "b"]
    assert pickle.loads(pickle.dumps(resized))._last == {}


def test_a_turned_label_is_refused_as_it_is_without_resizing() -> None:
    with pytest.raises(ValueError, match="'classes' of 'b' is turned against its image: it has 60 rows and 40 columns"):
        Prepared(Memory((60, 40)), INFOS, SIZE).target("b", "classes")


def test_each_thread_remembers_its_own_image() -> None:
    dataset = Memory()
    resized = Prepared(dataset, INFOS, SIZE)
    resized.image("a")
    thread = threading.Thread(target=resized.image, args=("b",))
    thread.start()
    thread.join()
    resized.target("a", "classes")
    assert dataset.reads == ["a", "b"]
