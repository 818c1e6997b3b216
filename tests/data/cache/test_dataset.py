"""Through the cache, samples are what they are without it, and each file is decoded once."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import cache_work
import numpy as np
import pytest
import torch
from cache_album import ALL, INFOS, TARGETS, Album
from cache_assertions import assert_same_samples, forbid_decoding, load_all, through_cache
from PIL import Image

from mstasks import IMAGE, Dataset, Sample
from mstasks.data import threads
from mstasks.data.batch import Batch
from mstasks.data.cache import dataset as dataset_module
from mstasks.data.cache import key as key_module
from mstasks.data.cache.dataset import CachedDataset
from mstasks.data.cache.opening import with_cache
from mstasks.data.cache.survey import survey
from mstasks.data.identity import Identity, identity
from mstasks.data.loader import SampleError, eval_batches, train_batches
from mstasks.data.pipeline import Pipeline
from mstasks.data.prepared import prepared


def spoil_contents(album: Album) -> None:
    """Replace the content of every file by zeros, of the same size and time."""
    for file in album.root.iterdir():
        status = file.stat()
        file.write_bytes(bytes(status.st_size))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_samples_are_equal_while_it_fills_when_it_is_full_and_when_it_is_only_read(album: Album) -> None:
    expected = load_all(album)
    assert_same_samples(load_all(through_cache(album)), expected)
    assert_same_samples(load_all(through_cache(album)), expected)
    assert_same_samples(load_all(through_cache(album, "read")), expected)


def test_a_warm_epoch_decodes_nothing(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load_all(through_cache(album))
    forbid_decoding(album, monkeypatch)
    with pytest.raises(AssertionError, match="was decoded"):
        album.load("p0", TARGETS)
    assert_same_samples(load_all(through_cache(album, "read")), expected)
    spoil_contents(album)
    assert_same_samples(load_all(through_cache(album, "read")), expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_warm_training_epoch_opens_no_source_file(album: Album, workers: int) -> None:
    def epoch(dataset: Dataset, workers: int = 0) -> list[Batch]:
        pipeline = Pipeline([{"HorizontalFlip": {}}], INFOS, (32, 40))
        return list(train_batches(dataset, album.every(), pipeline, INFOS, 3, 0, 0, 2, workers))

    expected = epoch(album)
    assert len(load_all(through_cache(album))) == 6
    spoil_contents(album)
    with pytest.raises(SampleError):
        epoch(album)
    for one, other in zip(epoch(through_cache(album, "read"), workers), expected, strict=True):
        assert one.ids == other.ids
        assert torch.equal(one.images, other.images)
        for name, target in other.targets.items():
            assert torch.equal(one.targets[name].value, target.value)
            assert torch.equal(one.targets[name].valid, target.valid)


def test_loader_processes_fill_it(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load_all(album)
    pipeline = Pipeline([], INFOS, (32, 40))
    for _ in eval_batches(through_cache(album), album.every(), pipeline, INFOS, 2, workers=2):
        pass
    forbid_decoding(album, monkeypatch)
    assert_same_samples(load_all(through_cache(album, "read")), expected)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_started_either_way_share_entries(album: Album, method: str) -> None:
    expected = load_all(album)
    cached = through_cache(album)
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool:
        assert_same_samples(pool.apply(cache_work.load, (cached,)), expected)
        spoil_contents(album)
        assert_same_samples(load_all(cached), expected)
        assert_same_samples(pool.apply(cache_work.load, (cached,)), expected)


def test_it_pickles_with_what_the_core_has_set(album: Album) -> None:
    album.at_least = (20, 24)
    cached = through_cache(album)
    copy = pickle.loads(pickle.dumps(cached))
    assert isinstance(copy, CachedDataset)
    assert copy.at_least == copy.dataset.at_least == (20, 24)
    assert_same_samples(load_all(copy), load_all(cached))


def test_it_passes_on_what_it_does_not_change(album: Album) -> None:
    cached = through_cache(album)
    assert [cached.ids(split) for split in ("train", "val", "test")] == [
        album.ids(split) for split in ("train", "val", "test")
    ]
    assert cached.describe() == album.describe()
    assert cached.source("p1", "depth") == album.source("p1", "depth")


def touch(path: Path) -> None:
    os.utime(path, (1, 1))


CHANGES: dict[str, tuple[Callable[[Album], object], str, str]] = {
    "a touched image": (lambda album: touch(album.root / "p1.jpg"), "p1", IMAGE),
    "a replaced image": (lambda album: Image.new("RGB", (9, 8)).save(album.root / "p1.jpg"), "p1", IMAGE),
    "another array": (lambda album: np.save(album.root / "p1.npy", np.ones((2, 2))), "p1", "depth"),
    "a mask less": (lambda album: (album.root / "p2_road.png").unlink(), "p2", "classes"),
    "a mask more": (lambda album: os.link(album.root / "p2_sky.png", album.root / "p0_tree.png"), "p0", "classes"),
    "no mask at all": (lambda album: (album.root / "p0_sky.png").unlink(), "p0", "classes"),
    "the first mask": (lambda album: os.link(album.root / "p2_sky.png", album.root / "p5_tree.png"), "p5", "classes"),
    "another setting": (lambda album: setattr(album, "scale", 3.0), "p1", "depth"),
    "another size": (lambda album: setattr(album, "at_least", (12, 14)), "p1", IMAGE),
    "another size of labels": (lambda album: setattr(album, "label_size", (12, 14)), "p1", "depth"),
}


@pytest.mark.parametrize(("change", "id", "part"), CHANGES.values(), ids=CHANGES)
def test_what_changes_is_read_again_also_during_a_run(
    album: Album, change: Callable[[Album], object], id: str, part: str
) -> None:
    cached = through_cache(album)
    before = load_all(cached)[id]
    change(album)
    sample = cached.load(id, TARGETS)
    assert_same_samples({id: sample}, {id: album.load(id, TARGETS)})
    if part == IMAGE:
        same = before.image.shape == sample.image.shape and (before.image == sample.image).all()
        assert same == (change is CHANGES["a touched image"][0])
    assert all(cached.present(id, ALL).values())


def test_the_size_that_a_label_had_is_kept(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    album.label_size = (12, 14)
    expected = load_all(through_cache(album))
    assert expected["p1"].targets["depth"].stored == (48, 56)
    forbid_decoding(album, monkeypatch)
    assert_same_samples(load_all(through_cache(album, "read")), expected)


def test_an_image_that_changes_is_read_again_where_it_is_resized_at_once(album: Album) -> None:
    for dataset in (resizes := prepared(album, INFOS, (24, 28), []), with_cache(resizes, Album, "fill", 1.0)):
        before = dataset.load("p0", TARGETS).image
        Image.fromarray(255 - np.asarray(Image.open(album.root / "p0.jpg"))).save(album.root / "p0.jpg")
        after = dataset.load("p0", TARGETS).image
        assert (before.shape, after.shape) == ((24, 28, 3), (24, 28, 3))
        assert (before != after).mean() > 0.5


def test_a_label_that_its_files_do_not_hold_is_remembered_as_missing(
    album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (56, 48)).save(album.root / "p0_sky.png")
    assert "classes" not in album.load("p0", TARGETS).targets
    cached = through_cache(album)
    cached.load("p0", TARGETS)
    forbid_decoding(album, monkeypatch)
    assert set(cached.load("p0", TARGETS).targets) == {"depth", "tags"}


@pytest.mark.parametrize(("name", "part"), [("p1.jpg", IMAGE), ("p1.npy", "depth"), ("p1_sky.png", "classes")])
def test_what_cannot_be_read_is_an_error_each_time_and_is_not_kept(album: Album, name: str, part: str) -> None:
    (album.root / name).write_bytes(b"rubbish")
    cached = through_cache(album)
    for _ in range(2):
        with pytest.raises(ValueError, match=name):
            cached.load("p1", TARGETS)
    assert cached.present("p1", [part]) == {part: False}


def test_an_image_that_is_not_there_is_the_data_sets_own_error(album: Album) -> None:
    (album.root / "p1.jpg").unlink()
    with pytest.raises(ValueError, match=r"There is no '.*p1.jpg'"):
        through_cache(album).load("p1", ())


def test_a_damaged_entry_is_read_anew_and_replaced(album: Album, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = load_all(through_cache(album))
    entries = [path for path in cache.glob("??/*") if path.is_file()]
    assert len(entries) == 16
    for number, path in enumerate(entries):
        path.write_bytes(path.read_bytes()[: number * 20])
    assert_same_samples(load_all(through_cache(album, "read")), expected)
    assert all(path.stat().st_size == number * 20 for number, path in enumerate(entries))
    assert_same_samples(load_all(through_cache(album)), expected)
    forbid_decoding(album, monkeypatch)
    assert_same_samples(load_all(through_cache(album, "read")), expected)


def test_only_what_is_asked_for_is_read_and_kept(album: Album, cache: Path) -> None:
    through_cache(album).load("p0", ("depth",))
    assert survey(cache).entries == 2


def test_what_was_read_while_its_file_changed_is_not_kept(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    path, plain = album.root / "p0.jpg", Album.image
    before = path.stat().st_mtime_ns

    def image(self: Album, id: str) -> Any:
        found = plain(self, id)
        path.touch()
        return found

    monkeypatch.setattr(Album, "image", image)
    cached = through_cache(album)
    cached.load("p0", ())
    monkeypatch.undo()
    os.utime(path, ns=(before, before))
    assert cached.present("p0", [IMAGE]) == {IMAGE: False}
    cached.load("p0", ())
    assert cached.present("p0", [IMAGE]) == {IMAGE: True}


def test_a_file_that_has_just_been_written_is_read_when_its_clock_has_moved_on(
    album: Album, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a second change could carry the time of the first, and the entry would look like the newer one's."""
    slept: list[float] = []
    now = (album.root / "p0.jpg").stat().st_mtime_ns
    monkeypatch.setattr(dataset_module.time, "time_ns", lambda: now + 5_000_000)
    monkeypatch.setattr(dataset_module.time, "sleep", slept.append)
    through_cache(album).load("p0", ())
    assert slept == [0.015]
    monkeypatch.setattr(dataset_module.time, "time_ns", lambda: now + 20_000_000)
    through_cache(album).load("p1", ())
    assert len(slept) == 1


def test_samples_may_be_written_to_without_a_trace(album: Album) -> None:
    cached = through_cache(album)
    expected = load_all(cached)
    sample: Sample = cached.load("p0", TARGETS)
    sample.image[:] = 0
    sample.targets["depth"].value[:] = -1
    assert_same_samples(load_all(cached), expected)


def test_memory_and_descriptors_stay_flat_over_epochs(album: Album) -> None:
    cached = through_cache(album)

    def held() -> tuple[int, int]:
        load_all(cached)
        return len(list(Path("/proc/self/fd").iterdir())), Path("/proc/self/maps").read_text().count("/data/v2/")

    assert len({held() for _ in range(20)}) == 1
    assert held()[1] == 0


def test_it_tells_whether_something_of_the_last_sample_was_not_there(album: Album) -> None:
    cached = through_cache(album)
    assert isinstance(cached, CachedDataset)
    assert not cached.decoded
    for expected in (True, False):
        cached.load("p0", TARGETS)
        assert cached.decoded == expected
    cached.load("p1", TARGETS)
    assert cached.decoded


def test_threads_fill_it_and_one_alone_reads_it(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_processors", lambda: 2)
    monkeypatch.setattr(Album, "thread_safe", True)
    expected = load_all(album)
    readers: dict[str, bool] = {}

    class Watched(CachedDataset):
        def load(self, id: str, targets: Collection[str]) -> Sample:
            readers[id] = threading.current_thread() is threading.main_thread()
            return super().load(id, targets)

    def epoch() -> dict[str, bool]:
        readers.clear()
        pipeline = Pipeline([], INFOS, (32, 40))
        for _ in eval_batches(watched, album.every(), pipeline, INFOS, 2):
            pass
        return dict(readers)

    cached = through_cache(album)
    assert isinstance(cached, CachedDataset)
    watched = Watched(album, Album, cached.store)
    first = epoch()
    assert sum(first.values()) == 2, "of the first batch nothing is known"
    assert len(first) == 6
    epoch()
    forbid_decoding(album, monkeypatch)
    assert epoch() == dict.fromkeys(first, True)
    assert_same_samples(load_all(through_cache(album, "read")), expected)


def test_a_sample_looks_at_each_of_its_files_once(album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = with_cache(
        prepared(album, INFOS, (32, 40), []), Album, "fill", 1.0
    )  # whose labels depend on the image too
    load_all(cached)
    looked: list[Path] = []

    def counted(file: Path) -> Identity:
        looked.append(file)
        return identity(file)

    monkeypatch.setattr(key_module, "identity", counted)
    cached.load("p0", TARGETS)
    assert album.root / "p0.jpg" in looked
    assert len(looked) == len(set(looked))
