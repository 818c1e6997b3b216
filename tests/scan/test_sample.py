"""Facts of one sample: what is broken is named, and hides nothing of what is not."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mstasks import FileDataset, RawTarget, Sample, Source, Split
from mstasks.bound import BoundTask
from mstasks.plugins import load_plugins, resolve
from mstasks.scan.facts import WHOLE, Fault
from mstasks.scan.sample import Examiner, attempt
from mstasks.scan.statistics import Answers
from mstasks.targets import TargetInfo, TargetKind

INFOS = {
    "segmentation": TargetInfo(TargetKind.LABEL_MAP, ("a", "b")),
    "depth": TargetInfo(TargetKind.DEPTH_MAP),
    "attributes": TargetInfo(TargetKind.ATTRIBUTES, ("hat", "smile", "beard")),
}
Parts = dict[str, Any]


def good() -> Parts:
    valid = np.ones((4, 6), bool)
    valid[0] = False
    return {
        "image": np.arange(72, dtype=np.uint8).reshape(4, 6, 3),
        "segmentation": RawTarget(np.ones((4, 6), np.uint8), np.ones((4, 6), bool)),
        "depth": RawTarget(np.full((4, 6), 2.5, np.float32), valid),
        "attributes": RawTarget(np.array([1, 0, 1], np.float32), np.array([True, True, False])),
    }


def given(part: Any) -> Any:
    if isinstance(part, BaseException):
        raise part
    return part


class Parted(FileDataset):
    """Hands out what it was made of, and raises what is an error."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def ids(self, split: Split) -> list[str]:
        return ["it"]

    def image(self, id: str) -> NDArray[np.uint8]:
        image: NDArray[np.uint8] = given(self.parts["image"])
        return image

    def target(self, id: str, name: str) -> RawTarget | None:
        target: RawTarget | None = given(self.parts[name])
        return target

    def source(self, id: str, part: str) -> Source | None:
        return None

    def describe(self) -> str:
        return "parts"


class Whole:
    """The same, at once."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def ids(self, split: Split) -> list[str]:
        return ["it"]

    def load(self, id: str, targets: Collection[str]) -> Sample:
        return Parted(self.parts).load(id, targets)


@pytest.fixture(scope="module")
def tasks() -> dict[str, BoundTask]:
    registry = load_plugins()
    plain = {name: resolve(registry.find("task", name).factory)(info, None) for name, info in INFOS.items()}
    bound = {name: BoundTask(name, task, name) for name, task in plain.items()}
    spec = registry.find("task", "attributes")
    smile = resolve(spec.factory)(INFOS["attributes"], resolve(spec.options or "")(names=("smile",)))
    return {**bound, "smile": BoundTask("smile", smile, "attributes")}


@pytest.fixture
def examine(tasks: dict[str, BoundTask]) -> Callable[..., Any]:
    def run(kind: type = Parted, **changed: Any) -> Any:
        return Examiner(kind({**good(), **changed}), INFOS, tasks)("train", "it")

    return run


@pytest.mark.parametrize("kind", [Parted, Whole])
def test_a_sound_sample_is_known_in_full(examine: Callable[..., Any], kind: type) -> None:
    facts = examine(kind)
    assert (facts.split, facts.id, facts.size, facts.faults) == ("train", "it", (4, 6), ())
    assert list(facts.labels) == ["segmentation", "depth", "attributes", "smile"]
    assert (facts.labels["depth"].size, facts.labels["depth"].valid, facts.labels["depth"].total) == ((4, 6), 18, 24)
    assert (facts.labels["attributes"].size, facts.labels["attributes"].valid) == (None, 2)


def test_a_task_on_a_part_of_a_target_counts_that_part(examine: Callable[..., Any]) -> None:
    label = examine().labels["smile"]
    assert (label.valid, label.total) == (1, 1)
    assert isinstance(label.statistics, Answers)
    assert (label.statistics.yes.tolist(), label.statistics.annotated.tolist()) == ([0], [1])


@pytest.mark.parametrize("kind", [Parted, Whole])
def test_a_missing_label_is_no_fault(examine: Callable[..., Any], kind: type) -> None:
    facts = examine(kind, depth=None)
    assert facts.faults == ()
    assert "depth" not in facts.labels


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("'a.jpg' cannot\n be read"), "'a.jpg' cannot be read"),
        (FileNotFoundError(2, "No such file", "a.jpg"), "[Errno 2] No such file: 'a.jpg'"),
        (KeyError("x"), "KeyError: 'x'"),
        (MemoryError(), "MemoryError"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (ValueError("'\udcff.jpg' is empty"), "'\\udcff.jpg' is empty"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_whatever_reading_an_image_raises_is_a_fault_of_the_image_alone(
    examine: Callable[..., Any], error: Exception, reason: str
) -> None:
    facts = examine(image=error)
    assert facts.faults == (Fault("image", reason),)
    assert (facts.size, facts.digest) == (None, None)
    assert list(facts.labels) == ["segmentation", "depth", "attributes", "smile"]


def test_a_data_set_that_reads_all_at_once_has_faulty_samples(examine: Callable[..., Any]) -> None:
    facts = examine(Whole, depth=ValueError("'a.npy' is empty"))
    assert facts.faults == (Fault(WHOLE, "'a.npy' is empty"),)
    assert facts.labels == {}


class Own(Parted):
    """Trains on other labels than its parts."""

    def load(self, id: str, targets: Collection[str]) -> Sample:
        sample = super().load(id, targets)
        return Sample(id, 255 - sample.image, {**sample.targets, "depth": raw(np.full((4, 6), np.nan))})


def test_what_is_examined_is_what_training_loads(examine: Callable[..., Any]) -> None:
    facts = examine(Own)
    assert [(fault.part, "must be finite" in fault.reason) for fault in facts.faults] == [("depth", True)]
    assert facts.digest == examine(image=255 - good()["image"]).digest != examine().digest


def raw(value: Any, valid: Any = None) -> RawTarget:
    array = np.asarray(value)
    return RawTarget(array, np.ones(array.shape[:2], bool) if valid is None else np.asarray(valid))


HOLES = np.where(np.eye(4, 6) > 0, np.nan, 2.0).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "label", "reason"),
    [
        ("segmentation", raw(np.full((4, 6), 7)), "must be a class index from 0 to 1. Found 7 in 'it'"),
        ("depth", raw(HOLES), "A valid label of 'depth' must be finite. Found nan in 'it'"),
        ("depth", raw(np.full((4, 6), np.inf)), "must be finite. Found inf"),
        ("depth", raw(np.ones((4, 6, 1)), np.ones((4, 6), bool)), "must have shape (H, W). Found (4, 6, 1)"),
        ("depth", raw(np.ones((4, 6)), np.ones((4, 6), int)), "must be bool (4, 6). Found int64"),
        ("depth", raw(np.ones((0, 6))), "is empty: its shape is (0, 6)"),
        ("attributes", raw(np.ones(2)), "must have shape (3,). Found (2,)"),
        ("depth", "nonsense", "AttributeError: 'str' object has no attribute"),
        ("depth", OSError("disk on fire"), "disk on fire"),
    ],
)
def test_a_broken_label_is_a_fault_and_hides_nothing(
    examine: Callable[..., Any], name: str, label: Any, reason: str
) -> None:
    facts = examine(**{name: label})
    (fault,) = facts.faults
    assert fault.part == name
    assert reason in fault.reason
    assert facts.size == (4, 6)
    assert {"segmentation", "depth", "attributes"} - set(facts.labels) == {name}


def test_a_label_on_its_side_is_a_fault_whose_values_still_count(examine: Callable[..., Any]) -> None:
    facts = examine(depth=raw(np.full((6, 4), 2.0)))
    (fault,) = facts.faults
    assert fault.part == "depth"
    assert "is turned against its image: it has 6 rows and 4 columns, the image 4 and 6." in fault.reason
    assert facts.labels["depth"].size == (6, 4)


def test_a_label_beside_an_unreadable_image_is_not_said_to_lie_on_its_side(examine: Callable[..., Any]) -> None:
    facts = examine(depth=raw(np.full((6, 4), 2.0)), image=ValueError("empty"))
    assert [fault.part for fault in facts.faults] == ["image"]


def test_holes_that_are_not_valid_are_no_fault(examine: Callable[..., Any]) -> None:
    facts = examine(depth=raw(HOLES, np.isfinite(HOLES)))
    assert facts.faults == ()
    assert facts.labels["depth"].valid == 20


@pytest.mark.parametrize(
    "image", [np.zeros((4, 6), np.uint8), np.zeros((4, 6, 3)), None], ids=["grey", "float", "none"]
)
def test_an_image_of_another_form_is_a_fault(examine: Callable[..., Any], image: Any) -> None:
    assert [fault.part for fault in examine(image=image).faults] == ["image"]


def test_digests_are_equal_exactly_if_the_pixels_and_the_shape_are(examine: Callable[..., Any]) -> None:
    image = good()["image"]
    other = image.copy()
    other[3, 5, 2] += 1
    assert examine(image=image.copy()).digest == examine().digest
    assert examine(image=other).digest != examine().digest
    assert examine(image=image.reshape(6, 4, 3)).digest != examine().digest
    assert examine(image=np.asfortranarray(image)).digest == examine().digest


def test_an_attempt_does_not_swallow_what_ends_the_program() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt("image", interrupted)


class Stored(Parted):
    """The same with a photograph of its own."""

    def __init__(self, parts: Parts, path: Path) -> None:
        super().__init__(parts)
        self.path = path

    def source(self, id: str, part: str) -> Source | None:
        return Source((self.path,))


@pytest.mark.parametrize("orientation", [1, 3])
def test_a_photograph_that_is_turned_without_a_trace_is_a_fact(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (6, 4)).save(tmp_path / "a.jpg", exif=exif)
    facts = Examiner(Stored(good(), tmp_path / "a.jpg"), INFOS, {})("train", "it")
    assert facts.silently_turned is (orientation == 3)
