"""Which task a channel serves: shares by hand, and as areas of colours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from mstasks.sparsity.draw_serves import PALETTE, draw_serves, shares
from mstasks.sparsity.record import SpaceRecord, SparsityRecord


def space(groups: str, serves: Mapping[str, list[float]] | None, index: int = 0) -> SpaceRecord:
    return SpaceRecord(f"backbone.model.l{index}.conv", index, len(groups), 1, groups, serves)


def record(*spaces: SpaceRecord) -> SparsityRecord:
    return SparsityRecord("shared", "channel", None, spaces, ())


def areas(path: Path, tasks: int) -> list[float]:
    """Share of each task's colour among all tasks' colours, the legend left out."""
    pixels = imread(path)[..., :3]
    pixels = pixels[: int(0.72 * len(pixels))]
    counts = [(np.abs(pixels - to_rgb(colour)).max(axis=-1) < 0.01).sum() for colour in PALETTE[:tasks]]
    assert sum(counts) > 1000
    return [count / sum(counts) for count in counts]


def test_channels_are_sorted_by_main_task_from_specialists_to_all_rounders() -> None:
    depth, edges = [1.0, 3.0, 9.0, 2.0, 0.0, 7.0], [3.0, 1.0, 0.0, 2.0, 0.0, 3.0]
    found = shares(space("####.#", {"depth": depth, "edges": edges}))
    np.testing.assert_allclose(found, [[1, 0.75, 0.7, 0.5, 0.25], [0, 0.25, 0.3, 0.5, 0.75]])


def test_dead_channels_and_those_without_any_saliency_are_left_out() -> None:
    found = shares(space("#.##", {"depth": [1.0, 5.0, 0.0, 2.0], "edges": [0.0, 5.0, 0.0, 0.0]}))
    np.testing.assert_array_equal(found, [[1, 1], [0, 0]])
    assert shares(space("..", {"depth": [0.0, 0.0], "edges": [0.0, 0.0]})).size == 0


def test_areas_of_colours_are_shares(tmp_path: Path) -> None:
    serves = {"depth": [3.0, 1.0] * 10, "edges": [1.0, 1.0] * 10, "normals": [0.0, 2.0] * 10}
    spaces = [space("#" * 20, serves, index) for index in range(12)]
    assert draw_serves(record(*spaces), tmp_path / "serves.png")
    assert areas(tmp_path / "serves.png", 3) == pytest.approx([0.5, 0.25, 0.25], abs=0.02)


def test_no_channel_of_a_wide_space_is_skipped(tmp_path: Path) -> None:
    """One channel in three serves edges; a picture that took every third column would show all or none of them."""
    main = np.arange(3000) % 3 == 0
    serves = {"depth": (~main).astype(float).tolist(), "edges": main.astype(float).tolist()}
    spaces = [space("#" * 3000, serves, index) for index in range(8)]
    draw_serves(record(*spaces), tmp_path / "serves.png")
    assert areas(tmp_path / "serves.png", 2) == pytest.approx([2 / 3, 1 / 3], abs=0.02)


def test_more_tasks_than_colours_and_more_spaces_than_a_column_holds(tmp_path: Path) -> None:
    serves = {f"task{index}": [1.0, 2.0] for index in range(10)}
    assert draw_serves(record(*(space("##", serves, index) for index in range(60))), tmp_path / "serves.png")
    height, width = imread(tmp_path / "serves.png").shape[:2]
    assert height < 1600
    assert width < 2600


@pytest.mark.parametrize("serves", [None, {"depth": [0.0, 0.0]}])
def test_without_a_measurement_nothing_is_written(tmp_path: Path, serves: dict[str, list[float]] | None) -> None:
    assert not draw_serves(record(space("##", serves)), tmp_path / "serves.png")
    assert not (tmp_path / "serves.png").exists()
