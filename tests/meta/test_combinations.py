from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mstasks.meta.combinations import Combinations

TASKS = ("depth", "edges", "normals")


def drawn(combinations: Combinations, count: int = 7000) -> Counter[tuple[str, ...]]:
    generator = np.random.default_rng(0)
    return Counter(combinations.draw(generator) for _ in range(count))


def test_uniform_draws_each_non_empty_subset_equally_often() -> None:
    counts = drawn(Combinations(TASKS, "uniform"))
    assert len(counts) == 7
    # Six degrees of freedom: a chi-square above 22.5 has probability 0.001.
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 22.5


def test_uniform_does_not_list_the_subsets() -> None:
    many = Combinations([str(i) for i in range(64)], "uniform")
    sizes = [len(many.draw(np.random.default_rng(seed))) for seed in range(200)]
    assert 30 < np.mean(sizes) < 34


def test_all_tasks_means_all() -> None:
    assert set(drawn(Combinations(TASKS, "all-tasks"), 20)) == {TASKS}


def test_listed_combinations_come_as_often_as_their_weights_say() -> None:
    counts = drawn(Combinations(TASKS, [("edges",), ("normals", "depth")], [1.0, 3.0]), 4000)
    assert set(counts) == {("edges",), ("normals", "depth")}
    assert counts[("edges",)] == pytest.approx(1000, abs=120)
    even = drawn(Combinations(TASKS, [("edges",), ("depth",)]), 4000)
    assert even[("edges",)] == pytest.approx(2000, abs=140)
