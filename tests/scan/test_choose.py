"""The sheet shows every task and every combination of labels as early as it can, and the same for the same seed."""

from __future__ import annotations

from mstasks.scan.choose import choose

BOTH, MASK, ANSWERS, NONE = (
    frozenset({"mask", "answers"}),
    frozenset({"mask"}),
    frozenset({"answers"}),
    frozenset[str](),
)


def test_every_task_is_seen() -> None:
    labelled = {**{f"m{i}": MASK for i in range(50)}, "a": ANSWERS}
    for seed in range(5):
        assert "a" in choose(labelled, 2, seed)


def test_every_combination_is_seen() -> None:
    labelled = {**{f"b{i}": BOTH for i in range(50)}, "a": ANSWERS}
    for seed in range(5):
        first, second, third = choose(labelled, 3, seed)
        assert (labelled[first], second, labelled[third]) == (BOTH, "a", BOTH)


def test_images_without_labels_are_not_shown() -> None:
    assert choose({"a": NONE, "b": MASK}, 3, 0) == ["b"]
    assert choose({}, 3, 0) == []


def test_the_seed_decides_among_equals() -> None:
    labelled = {f"{i}": MASK for i in range(100)}
    assert choose(labelled, 3, 1) == choose(labelled, 3, 1)
    assert choose(labelled, 3, 1) != choose(labelled, 3, 2)
    assert len(set(choose(labelled, 3, 1))) == 3
