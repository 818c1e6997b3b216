"""What a data set says of itself is told, and what it raises too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mstasks import FileDataset, RawTarget, Source, Split
from mstasks.scan.facts import Fault
from mstasks.scan.found import look


class Said(FileDataset):
    def __init__(self, describe: Callable[[], str], ids: Callable[[str], Any]) -> None:
        self._describe, self._ids = describe, ids

    def ids(self, split: Split) -> Any:
        return self._ids(split)

    def image(self, id: str) -> NDArray[np.uint8]:
        raise AssertionError("nothing may be read")

    def target(self, id: str, name: str) -> RawTarget | None:
        raise AssertionError("nothing may be read")

    def source(self, id: str, part: str) -> Source | None:
        raise AssertionError("nothing may be read")

    def describe(self) -> str:
        return self._describe()


def test_ids_and_words_are_told() -> None:
    found = look(Said(lambda: "Two\n  folders.", lambda split: [f"{split}0"]))
    assert found.text == "Two folders."
    assert found.ids == {"train": ("train0",), "val": ("val0",), "test": ("test0",)}
    assert found.faults == {}


def test_what_fails_is_told_and_the_rest_too() -> None:
    def ids(split: str) -> list[str]:
        return ["a"] if split == "train" else [][1]

    found = look(Said(lambda: str({}["x"]), ids))
    assert found.text == "`describe` failed: KeyError: 'x'"
    assert found.ids == {"train": ("a",), "val": (), "test": ()}
    assert found.faults["val"] == Fault("ids", "IndexError: list index out of range")


@pytest.mark.parametrize(("ids", "reason"), [([1, 2], "ids must be texts. Found 1."), (None, "TypeError: ")])
def test_ids_that_are_no_texts_are_a_fault(ids: Any, reason: str) -> None:
    assert look(Said(lambda: "", lambda _: ids)).faults["train"].reason.startswith(reason)
