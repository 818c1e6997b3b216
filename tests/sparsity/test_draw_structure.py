"""The structure's picture: areas of colours are shares of groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from mstasks.sparsity.draw_structure import draw_structure
from mstasks.sparsity.record import ExcludedRecord, SpaceRecord, SparsityRecord

ALIVE, STAYS, REMOVED, FIXED = "#1f4e79", "#e69f00", "#d5e0ea", "#a8a8a8"


def record(*groups: str, excluded: tuple[int, ...] = ()) -> SparsityRecord:
    spaces = [SpaceRecord(f"backbone.model.l{i}.conv", i, len(own), 1, own, None) for i, own in enumerate(groups)]
    fixed = [ExcludedRecord(f"backbone.model.norm{i}", 99 + i, size, "why") for i, size in enumerate(excluded)]
    return SparsityRecord("shared", "output-channel", None, tuple(spaces), tuple(fixed))


def runs(path: Path) -> dict[str, list[int]]:
    """Height of each colour, in pixels, at the left edge of each bar, where no number stands."""
    pixels = imread(path)[..., :3]
    found = {
        colour: (np.abs(pixels - to_rgb(colour)).max(axis=-1) < 0.01).sum(axis=0)
        for colour in (ALIVE, STAYS, REMOVED, FIXED)
    }
    edges = np.flatnonzero(np.diff((sum(found.values()) > 20).astype(int)) == 1) + 3
    assert len(edges) > 0
    return {colour: heights[edges].tolist() for colour, heights in found.items()}


def test_the_parts_of_a_bar_are_to_scale(tmp_path: Path) -> None:
    path = tmp_path / "sparsity.png"
    assert draw_structure(record("#" * 30 + "o" * 20 + "." * 50), path)
    heights = {colour: own[0] for colour, own in runs(path).items()}
    shares = [heights[colour] / sum(heights.values()) for colour in (ALIVE, STAYS, REMOVED)]
    assert shares == pytest.approx([0.3, 0.2, 0.5], abs=0.01)


def test_the_height_goes_with_the_square_root_of_the_channels(tmp_path: Path) -> None:
    path = tmp_path / "sparsity.png"
    draw_structure(record("#" * 400, "." * 100), path)
    heights = runs(path)
    assert heights[ALIVE][0] / heights[REMOVED][1] == pytest.approx(2, rel=0.02)


def test_excluded_layers_are_grey(tmp_path: Path) -> None:
    path = tmp_path / "sparsity.png"
    draw_structure(record("#" * 100, excluded=(100,)), path)
    heights = runs(path)
    assert heights[FIXED] == [0, pytest.approx(heights[ALIVE][0], rel=0.05)]
    assert heights[ALIVE][1] == 0


@pytest.mark.parametrize("count", [1, 120])
def test_few_and_many_spaces_fit(tmp_path: Path, count: int) -> None:
    path = tmp_path / "sparsity.png"
    assert draw_structure(record(*["##.."] * count), path)
    height, width = imread(path).shape[:2]
    assert width < 2200
    assert height < 1500
    assert len(runs(path)[ALIVE]) == min(count, 60)  # two rows one above the other


def test_without_spaces_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "sparsity.png"
    assert not draw_structure(record(), path)
    assert not path.exists()
