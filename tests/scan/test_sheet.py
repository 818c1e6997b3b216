"""The contact sheet shows images and labels as they are: invalid grey, missing said, nothing stretched."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mstasks import RawTarget, Sample, Split
from mstasks.bound import BoundTask
from mstasks.figures import VOID
from mstasks.plugins import load_plugins, resolve
from mstasks.scan.answers import _blocks, _fitted
from mstasks.scan.sample import Examiner
from mstasks.scan.sheet import draw_sheet
from mstasks.targets import TargetInfo, TargetKind

BLUE, RED = (20, 30, 250), (200, 40, 40)
INFOS = {
    "segmentation": TargetInfo(TargetKind.LABEL_MAP, ("a", "b"), colours=(RED, (10, 200, 10))),
    "attributes": TargetInfo(TargetKind.ATTRIBUTES, ("hat", "smile$_$")),
}


class Plain:
    """Blue images, twice as wide as high, with a red label that is valid on the left half."""

    def __init__(self, side: int = 40, gone: str = "") -> None:
        self.side, self.gone = side, gone

    def ids(self, split: Split) -> list[str]:
        return ["a", "b"]

    def load(self, id: str, targets: Collection[str]) -> Sample:
        if id == self.gone:
            raise ValueError("gone")
        size = (self.side, 2 * self.side)
        image = np.broadcast_to(np.array(BLUE, np.uint8), (*size, 3)).copy()
        found: dict[str, Any] = {}
        if id != "bare":
            valid = np.zeros(size, bool)
            valid[:, : self.side] = True
            found["segmentation"] = RawTarget(np.zeros(size, np.uint8), valid)
            found["attributes"] = RawTarget(np.array([1, 0], np.float32), np.array([True, False]))
        return Sample(id, image, found)


@pytest.fixture(scope="module")
def tasks() -> dict[str, BoundTask]:
    registry = load_plugins()
    plain = {name: resolve(registry.find("task", name).factory)(info, None) for name, info in INFOS.items()}
    return {name: BoundTask(name, task, name) for name, task in plain.items()}


def drawn(dataset: Plain, tasks: dict[str, BoundTask], ids: list[str], folder: Path) -> NDArray[np.uint8]:
    assert draw_sheet(Examiner(dataset, INFOS, tasks), [("train", id) for id in ids], folder / "data.png")
    with Image.open(folder / "data.png") as picture:
        return np.asarray(picture.convert("RGB"))


def box(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> tuple[int, int]:
    """Height and width of what has a colour."""
    rows, columns = np.nonzero((pixels == colour).all(-1))
    assert rows.size, f"nothing is {colour}"
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


@pytest.mark.parametrize("side", [40, 900])
def test_image_and_label_keep_their_aspect_and_what_is_not_valid_is_grey(
    tasks: dict[str, BoundTask], tmp_path: Path, side: int
) -> None:
    pixels = drawn(Plain(side), tasks, ["a"], tmp_path)
    height, width = box(pixels, BLUE)
    assert width / height == pytest.approx(2.0, abs=0.04)
    for colour in (RED, (VOID, VOID, VOID)):
        label = box(pixels, colour)
        assert label == (pytest.approx(height, abs=2), pytest.approx(width / 2, abs=2))


def test_a_missing_label_is_said_and_not_drawn(tasks: dict[str, BoundTask], tmp_path: Path) -> None:
    pixels = drawn(Plain(), tasks, ["bare"], tmp_path)
    assert not (pixels == RED).all(-1).any()
    cells = pixels[:, pixels.shape[1] // 3 :]
    assert ((cells > 100) & (cells < 160)).all(-1).any(), "the words 'no label' are grey"


def test_rows_are_as_many_as_there_are_readable_samples(tasks: dict[str, BoundTask], tmp_path: Path) -> None:
    both = drawn(Plain(), tasks, ["a", "b"], tmp_path).shape[0]
    one = drawn(Plain(gone="b"), tasks, ["a", "b"], tmp_path).shape[0]
    assert both > 1.7 * one


def test_without_a_sample_nothing_is_drawn(tasks: dict[str, BoundTask], tmp_path: Path) -> None:
    assert not draw_sheet(Examiner(Plain(gone="a"), INFOS, tasks), [("train", "a")], tmp_path / "data.png")
    assert list(tmp_path.iterdir()) == []


def test_answers_stand_in_three_blocks() -> None:
    answers = [("hat", True), ("smile", None), ("beard", False), ("hair", True)]
    assert [lines for _, lines in _blocks(answers, 40)] == [["yes: hat, hair"], ["no: beard"], ["not annotated: smile"]]


def test_many_answers_are_written_smaller_until_they_fit() -> None:
    few, many = ([(f"attribute_{number}", number % 2 == 0) for number in range(count)] for count in (4, 60))
    assert _fitted(few, 140, 100)[0] > _fitted(many, 140, 100)[0]
