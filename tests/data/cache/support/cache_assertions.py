"""What every test of the cache says about samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from cache_album import TARGETS
from numpy.typing import NDArray

from mstasks import Dataset, FileDataset, RawTarget, Sample
from mstasks.data.cache.dataset import CachedDataset
from mstasks.data.cache.opening import Mode, with_cache


def through_cache(dataset: FileDataset, mode: Mode = "fill", gib: float = 1.0) -> CachedDataset:
    """The data set through the cache."""
    cached = with_cache(dataset, type(dataset), mode, gib)
    assert isinstance(cached, CachedDataset)
    return cached


def load_all(dataset: Dataset) -> dict[str, Sample]:
    """Every sample of every split with all labels."""
    ids = [id for split in ("train", "val", "test") for id in dataset.ids(split)]  # type: ignore[arg-type]
    assert ids, "no sample was loaded; the test would check nothing"
    return {id: dataset.load(id, TARGETS) for id in ids}


def assert_same_array(one: NDArray[Any], other: NDArray[Any]) -> None:
    """Equal bit by bit, in type and in shape."""
    assert (one.dtype, one.shape) == (other.dtype, other.shape)
    assert one.tobytes() == other.tobytes()


def assert_same_samples(found: dict[str, Sample], expected: dict[str, Sample]) -> None:
    """The samples are equal bit by bit, and those that lack a label lack it in both."""
    assert found.keys() == expected.keys()
    for id, sample in expected.items():
        assert_same_array(found[id].image, sample.image)
        assert found[id].targets.keys() == sample.targets.keys()
        for name, target in sample.targets.items():
            assert_same_array(found[id].targets[name].value, target.value)
            assert_same_array(found[id].targets[name].valid, target.valid)
            assert found[id].targets[name].stored == target.stored


def forbid_decoding(dataset: object, monkeypatch: Any) -> None:
    """From now on reading a file of an album is an error; what has no file may be asked for."""
    original = type(dataset).target

    def target(self: Any, id: str, name: str) -> RawTarget | None:
        source = self.source(id, name)
        if source is None or not any(file.exists() for file in source.files):
            found: RawTarget | None = original(self, id, name)
            return found
        raise AssertionError(f"{name} of {id} was decoded")

    def image(self: Any, id: str) -> NDArray[np.uint8]:
        raise AssertionError(f"the image of {id} was decoded")

    monkeypatch.setattr(type(dataset), "target", target)
    monkeypatch.setattr(type(dataset), "image", image)
