"""Groups of all spaces in one row, and back."""

from __future__ import annotations

import torch

from mstasks.sparsity.lineup import Lineup
from mstasks.sparsity.space import Member, Space
from mstasks.sparsity.spaces import Spaces

SPACES = Spaces(
    "channel", "backbone", tuple(Space(n, c, (Member(n),), 1) for n, c in (("a", 3), ("b", 2), ("c", 4))), ()
)


def lineup() -> tuple[Lineup, dict[str, torch.Tensor]]:
    alive = {"a": torch.tensor([True, False, True]), "b": torch.ones(2).bool(), "c": torch.tensor([0, 0, 0, 1]).bool()}
    return Lineup.of(SPACES, alive), alive


def test_only_alive_groups_stand_in_line_in_the_order_of_spaces() -> None:
    row, _ = lineup()
    assert row.space_of.tolist() == [0, 0, 1, 1, 2]
    values = {"a": torch.tensor([1.0, 2, 3]), "b": torch.tensor([4.0, 5]), "c": torch.tensor([6.0, 7, 8, 9])}
    assert row.values(values).tolist() == [1, 3, 4, 5, 9]
    stacked = {name: torch.stack([value, -value]) for name, value in values.items()}
    assert row.values(stacked).tolist() == [[1, 3, 4, 5, 9], [-1, -3, -4, -5, -9]]
    assert row.values(values).dtype == torch.float64


def test_marks_find_their_way_back() -> None:
    row, _ = lineup()
    marked = row.by_space(torch.tensor([False, True, True, False, True]))
    assert {name: mask.tolist() for name, mask in marked.items()} == {
        "a": [False, False, True],
        "b": [True, False],
        "c": [False, False, False, True],
    }


def test_the_line_does_not_change_when_groups_die() -> None:
    row, alive = lineup()
    alive["b"][0] = False
    assert row.space_of.tolist() == [0, 0, 1, 1, 2]
