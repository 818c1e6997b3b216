"""Splitting ids by hash."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from mstasks.data.splits import split_off

IDS = [f"{i:04d}" for i in range(200)]


def test_the_parts_are_disjoint_complete_in_order_and_of_the_asked_size() -> None:
    kept, aside = split_off(IDS, 0.1, 0)
    assert len(aside) == 20
    assert sorted(kept + aside) == IDS
    assert kept == sorted(kept)
    assert aside == sorted(aside)


def test_the_order_of_the_ids_does_not_matter() -> None:
    shuffled = random.Random(0).sample(IDS, len(IDS))
    assert set(split_off(shuffled, 0.1, 0)[1]) == set(split_off(IDS, 0.1, 0)[1])
    assert split_off(shuffled, 0.1, 0)[0] == [id for id in shuffled if id in set(split_off(IDS, 0.1, 0)[0])]


def test_another_seed_sets_others_aside_and_a_larger_fraction_more() -> None:
    assert split_off(IDS, 0.1, 0)[1] != split_off(IDS, 0.1, 1)[1]
    assert set(split_off(IDS, 0.1, 0)[1]) < set(split_off(IDS, 0.3, 0)[1])


def test_the_split_is_the_same_on_every_machine() -> None:
    """Fixed ids: a change of the rule would change every recorded validation split."""
    assert split_off(["a", "b", "c", "d", "e", "f"], 0.5, 0)[1] == ["a", "c", "e"]


def test_at_least_one_id_goes_to_each_part() -> None:
    assert [len(part) for part in split_off(["a", "b"], 0.01)] == [1, 1]
    assert [len(part) for part in split_off(["a", "b"], 0.99)] == [1, 1]


@pytest.mark.parametrize(
    ("ids", "fraction", "message"),
    [
        (["a", "b"], 0.0, r"`fraction` must lie between 0 and 1, both excluded. Found 0.0"),
        (["a", "b"], 1.0, r"Found 1.0"),
        (["a"], 0.1, r"Splitting needs at least two ids. Found 1"),
        (["a", "b", "a"], 0.1, r"Ids must be unique. 1 repeat, such as 'a'"),
    ],
)
def test_a_split_that_makes_no_sense_is_explained(ids: list[str], fraction: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split_off(ids, fraction)


@pytest.mark.parametrize(
    ("modules", "heavy"), [("mstasks.data.splits, mstasks.data.sample", 0), ("mstasks.data.batch", 1)]
)
def test_the_light_modules_do_not_import_torch_and_the_check_can_fail(modules: str, heavy: int) -> None:
    program = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == heavy
