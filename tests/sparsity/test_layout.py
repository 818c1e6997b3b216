"""Names, order and rows of layers in a picture."""

from __future__ import annotations

import pytest

from mstasks.sparsity.layout import places, rows, stages
from mstasks.sparsity.record import ExcludedRecord, SpaceRecord, SparsityRecord


def record(*names: str, excluded: tuple[tuple[str, int], ...] = ()) -> SparsityRecord:
    """Spaces at even positions, excluded layers where they say."""
    spaces = [SpaceRecord(name, 2 * index, 4, 1, "####", None) for index, name in enumerate(names)]
    fixed = [ExcludedRecord(name, position, 4, "why") for name, position in excluded]
    return SparsityRecord("shared", "channel", None, tuple(spaces), tuple(fixed))


def labels(*names: str) -> list[str]:
    return [place.label for place in places(record(*names))]


def test_what_all_of_the_backbone_share_is_left_out() -> None:
    assert labels("backbone.model.conv1", "backbone.model.layer1.0.conv1", "trunk.laterals.0.0") == [
        "conv1",
        "layer1.0.conv1",
        "trunk.laterals.0.0",
    ]
    assert labels("backbone.stem", "backbone.body.conv") == ["stem", "body.conv"]
    assert labels("backbone.model.conv1") == ["conv1"]
    assert labels("trunk.laterals.0.0") == ["trunk.laterals.0.0"]


def test_long_names_keep_both_ends() -> None:
    (_, label) = labels("backbone.model.conv0", "backbone.model.features.denseblock3.denselayer24.conv1")
    assert label == "features.dens…ayer24.conv1"
    assert len(label) == 26


def test_stages_are_runs_of_neighbours() -> None:
    names = (
        "conv_stem",
        "blocks.0.0.conv_pw",
        "blocks.1.0.conv_pw",
        "blocks.1.1.conv_pw",
        "layer1.0.conv1",
        "layer1.1.conv1",
    )
    order = places(record(*(f"backbone.model.{name}" for name in names), "trunk.laterals.0.0", "trunk.smooth.0.1"))
    assert stages(order) == [
        ("", 0, 1),
        ("blocks.0", 1, 2),
        ("blocks.1", 2, 4),
        ("layer1", 4, 6),
        ("trunk", 6, 8),
    ]


def test_excluded_layers_stand_between_the_spaces_of_the_network() -> None:
    found = record("backbone.model.a.x", "backbone.model.b.x", excluded=(("backbone.model.norm.x", 1),))
    assert [place.label for place in places(found)] == ["a.x", "norm.x", "b.x"]
    assert [place.label for place in places(found, excluded=False)] == ["a.x", "b.x"]


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (10, [10]), (11, [6, 5]), (30, [10, 10, 10]), (31, [8, 8, 7, 8])]
)
def test_rows_are_few_and_even(count: int, sizes: list[int]) -> None:
    cut = rows(range(count), 10)
    assert [item for row in cut for item in row] == list(range(count))
    assert sorted(len(row) for row in cut) == sorted(sizes)
