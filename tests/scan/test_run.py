"""Samples are read in order by any number of processes, and a process that dies ends in a sentence."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Collection
from multiprocessing import active_children

import numpy as np
import pytest

from mstasks import Sample, Split
from mstasks.errors import MstasksError
from mstasks.scan.facts import SampleFacts
from mstasks.scan.run import Entry, read_all
from mstasks.scan.sample import Examiner

ENTRIES: list[Entry] = [("train", f"{number}") for number in range(12)]


class Grey:
    """Grey images; may end the process that reads a certain one."""

    def __init__(self, deadly: str = "") -> None:
        self.deadly = deadly

    def ids(self, split: Split) -> list[str]:
        return [id for _, id in ENTRIES]

    def load(self, id: str, targets: Collection[str]) -> Sample:
        if id == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return Sample(id, np.full((2, 2, 3), int(id), np.uint8), {})


def read(dataset: Grey, workers: int) -> list[SampleFacts]:
    found: list[SampleFacts] = []
    read_all(Examiner(dataset, {}, {}), ENTRIES, workers, found.append)
    return found


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_facts_come_in_order_with_any_number_of_processes(workers: int) -> None:
    found = read(Grey(), workers)
    assert [facts.id for facts in found] == [id for _, id in ENTRIES]
    assert [facts.digest for facts in found] == [facts.digest for facts in read(Grey(), 0)]


def test_a_process_that_dies_is_told_and_takes_the_others_with_it() -> None:
    with pytest.raises(MstasksError, match=r"A loader process died after \d images, while it read one of '") as caught:
        read(Grey("5"), 2)
    text = str(caught.value)
    first, last = (int(id) for id in re.findall(r"'(\d+)'", text))
    assert first <= 5 <= last
    assert "DataLoader worker" in text
    assert "often for want of memory, or a library crashed: look at those files, or scan with data.workers=0" in text
    assert active_children() == [], "Python would wait for them when it ends"


def test_nothing_to_read_is_no_error() -> None:
    found: list[SampleFacts] = []
    read_all(Examiner(Grey(), {}, {}), [], 2, found.append)
    assert found == []


def test_an_error_of_our_own_is_not_blamed_on_a_process() -> None:
    def broken(_: SampleFacts) -> None:
        raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        read_all(Examiner(Grey(), {}, {}), ENTRIES, 0, broken)
