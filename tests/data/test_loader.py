"""The order of batches, and that workers and resuming do not change it."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from mstasks import Dataset, FileDataset, RawTarget, Sample, Source, Split, TargetInfo, TargetKind
from mstasks.data import threads
from mstasks.data.batch import Batch
from mstasks.data.layout import Layout
from mstasks.data.loader import SampleError, _Batches, _Evaluation, _Failure, _Filled, eval_batches, train_batches
from mstasks.data.pipeline import Pipeline
from mstasks.data.slots import make_slots

INFOS = {"depth": TargetInfo(TargetKind.DEPTH_MAP)}
IDS = [f"s{i}" for i in range(7)]
AUGMENT: list[dict[str, dict[str, Any]]] = [
    {"HorizontalFlip": {"p": 0.5}},
    {"RandomResizedCrop": {"scale": [0.5, 1.0]}},
    {"GaussNoise": {"p": 0.5}},
]


class Noise:
    """A data set of noise that records what was asked of it; some ids are broken."""

    def __init__(self, broken: str = "", error: type[Exception] = ValueError) -> None:
        self.broken = broken
        self.error = error
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def ids(self, split: Split) -> Sequence[str]:
        return IDS

    def load(self, id: str, targets: Collection[str]) -> Sample:
        self.asked.append((id, tuple(targets)))
        if id == self.broken:
            raise self.error(f"'depth/{id}.npy' is broken")
        generator = np.random.default_rng(int(id[1:]))
        depth = RawTarget(generator.random((16, 16), np.float32) + 1, np.ones((16, 16), bool))
        return Sample(id, generator.integers(0, 256, (16, 16, 3), dtype=np.uint8), {"depth": depth})


class Files(FileDataset):
    """The same noise part by part; records which threads read it."""

    def __init__(self, thread_safe: bool, broken: str = "") -> None:
        self.thread_safe = thread_safe
        self.noise = Noise(broken)
        self.threads: set[threading.Thread] = set()

    def ids(self, split: Split) -> Sequence[str]:
        return IDS

    def image(self, id: str) -> np.ndarray:
        self.threads.add(threading.current_thread())
        return self.noise.load(id, ()).image

    def target(self, id: str, name: str) -> RawTarget | None:
        return self.noise.load(id, ()).targets[name]

    def source(self, id: str, part: str) -> Source | None:
        return None

    def describe(self) -> str:
        return "Noise."


def train(
    workers: int = 0, start: int = 0, steps: int = 6, seed: int = 0, dataset: Dataset | None = None
) -> list[Batch]:
    pipeline = Pipeline(AUGMENT, INFOS, (12, 12))
    return list(train_batches(dataset or Noise(), IDS, pipeline, INFOS, 3, seed, start, steps, workers))


def assert_same(first: Sequence[Batch], second: Sequence[Batch]) -> None:
    assert [batch.ids for batch in first] == [batch.ids for batch in second]
    assert first, "no batch; the next lines would check nothing"
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.targets["depth"].value, other.targets["depth"].value)
        assert torch.equal(one.targets["depth"].valid, other.targets["depth"].valid)


@pytest.fixture(autouse=True)
def _no_hanging() -> Iterator[None]:
    """A worker that never answers ends the test instead of the whole run's patience."""

    def stop(*_: object) -> None:
        raise TimeoutError("no batch came within a minute")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


def test_workers_answer_even_if_this_process_has_used_opencvs_threads() -> None:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(2)
    cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (9, 9), 2)  # starts the pool
    time.sleep(0.2)  # and lets its threads fall asleep
    assert len(train(workers=1, steps=1)) == 1
    cv2.setNumThreads(threads)


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_do_not_depend_on_the_number_of_workers(workers: int) -> None:
    assert_same(train(), train(workers))


@pytest.mark.parametrize("start", [1, 4])
def test_batches_do_not_depend_on_where_the_run_was_resumed(start: int) -> None:
    assert_same(train()[start:], train(start=start))


def test_skipping_loads_nothing() -> None:
    dataset = Noise()
    train(start=5, steps=6, dataset=dataset)
    assert len(dataset.asked) == 3
    assert {targets for _, targets in dataset.asked} == {("depth",)}


def test_every_epoch_holds_every_id_once_in_another_order() -> None:
    sequence = [id for batch in train(steps=14) for id in batch.ids]
    epochs = [sequence[k * 7 : (k + 1) * 7] for k in range(6)]
    assert all(sorted(epoch) == IDS for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_each_visit_is_augmented_anew() -> None:
    seen = [(id, batch.images[i].numpy().tobytes()) for batch in train(steps=14) for i, id in enumerate(batch.ids)]
    assert Counter(id for id, _ in seen)["s0"] == 6
    assert len(set(seen)) == len(seen)


def test_another_seed_gives_another_order() -> None:
    assert [batch.ids for batch in train(seed=1)] != [batch.ids for batch in train(seed=0)]


def test_a_batch_may_be_larger_than_the_set() -> None:
    (batch,) = train_batches(Noise(), IDS[:2], Pipeline([], INFOS, (8, 8)), INFOS, 5, 0, 0, 1)
    assert len(batch) == 5
    assert set(batch.ids) == set(IDS[:2])


def test_the_global_random_state_is_left_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    train(workers=1, steps=2)
    train(steps=2)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("workers", [0, 1])
def test_evaluation_sees_every_id_once_in_order_and_not_augmented(workers: int) -> None:
    pipeline = Pipeline(AUGMENT, INFOS, (16, 16))
    batches = list(eval_batches(Noise(), IDS, pipeline, INFOS, 3, workers))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert [id for batch in batches for id in batch.ids] == IDS
    plain = Noise().load("s0", ()).image
    assert np.array_equal(batches[0].images[0].permute(1, 2, 0).numpy(), plain)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("error", [ValueError, OSError])
def test_an_unreadable_sample_is_one_readable_sentence(workers: int, error: type[Exception]) -> None:
    batches = eval_batches(Noise("s4", error), IDS, Pipeline([], INFOS, (8, 8)), INFOS, 2, workers)
    assert len(list(islice(batches, 2))) == 2
    with pytest.raises(SampleError) as caught:
        next(batches)
    way_out = "`mstasks check RECIPE --data` lists every such file, and `data.exclude` leaves them out."
    assert str(caught.value) == f"'depth/s4.npy' is broken. {way_out}"


def test_no_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="There are no samples to train on"):
        train_batches(Noise(), [], Pipeline([], INFOS, (8, 8)), INFOS, 2, 0, 0, 1)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_batches_go_round_in_the_same_memory_unless_they_are_kept(workers: int) -> None:
    pipeline = Pipeline(AUGMENT, INFOS, (12, 12))
    places = set()
    for batch in train_batches(Noise(), IDS, pipeline, INFOS, 3, 0, 0, 40, workers):
        assert batch.images.untyped_storage().nbytes() > batch.images.nbytes  # the whole batch lies together
        places.add(batch.images.data_ptr())
    assert len(places) <= 6
    kept = train(workers, steps=20)
    assert len({batch.images.data_ptr() for batch in kept}) == 20
    assert_same(kept, train(0, steps=20))


def test_memory_of_a_batch_that_failed_is_used_again() -> None:
    pipeline, layout = Pipeline([], INFOS, (8, 8)), Layout(INFOS, (8, 8))
    slots = make_slots(layout.bytes(2), 0, 100)
    assert slots is not None
    batches = _Batches(Noise("s4"), _Evaluation(tuple(IDS), 2), pipeline, layout, slots)
    assert all(isinstance(batches[2], _Failure) for _ in range(10))
    assert isinstance(batches[0], _Filled)


def test_files_are_read_in_threads_if_the_data_set_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_processors", lambda: 3)
    for thread_safe in (True, False):
        dataset = Files(thread_safe)
        assert_same(train(dataset=dataset), train())
        assert (threading.main_thread() in dataset.threads) != thread_safe


def test_a_file_that_a_thread_cannot_read_is_one_readable_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_processors", lambda: 3)
    with pytest.raises(SampleError, match=r"^'depth/s3.npy' is broken. `mstasks check RECIPE --data` lists"):
        train(dataset=Files(True, broken="s3"))


@pytest.mark.parametrize("workers", [1, 2])
def test_loader_processes_read_in_threads(monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.setattr(threads, "_processors", lambda: 2 * workers)

    class Elsewhere(Files):
        def image(self, id: str) -> np.ndarray:
            assert threading.current_thread() is not threading.main_thread()
            return super().image(id)

    assert_same(train(workers, dataset=Elsewhere(True)), train())
