"""A piece of memory is used again when nobody holds what lies in it, and never before."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from mstasks.data.slots import Slot, Slots, make_slots

SIZE = 1000


def filled(slots: Slots, byte: int) -> Slot | None:
    taken = slots.take()
    if taken is None:
        return None
    slot, memory = taken
    memory.fill_(byte)
    return slot


def test_what_is_held_is_never_filled_again() -> None:
    slots = Slots(SIZE, 1, 4, shared=False)
    held: list[Tensor] = []
    while (slot := filled(slots, len(held))) is not None:
        held.append(slots.lent(slot))
    assert len(held) >= 2
    assert [int(tensor.max()) for tensor in held] == list(range(len(held)))
    assert all(torch.equal(tensor, tensor[:1].expand(SIZE)) for tensor in held)


def test_a_piece_comes_back_when_the_last_view_of_it_is_gone() -> None:
    slots = Slots(SIZE, 1, 4, shared=False)
    held = [slots.lent(slot) for slot in iter(lambda: filled(slots, 7), None)]
    view = held.pop(0)[64:128].view(torch.float32).reshape(4, 4).T
    assert slots.take() is None
    doubled = view * 2
    del view
    assert slots.take() is not None
    assert slots.take() is None
    del doubled


def test_a_graph_that_needs_a_batch_keeps_it() -> None:
    slots = Slots(SIZE, 1, 4, shared=False)
    others = [slot for slot, _ in iter(slots.take, None)]
    slots.give_back(others[0])
    slot = filled(slots, 0)
    assert slot is not None
    x = slots.lent(slot)[:64].view(torch.float32)
    weight = torch.ones(16, requires_grad=True)
    loss = (weight * x).sum()
    del x
    assert slots.take() is None
    loss.backward()
    del loss
    gc.collect()
    assert slots.take() is not None


def test_what_was_taken_and_not_shown_may_be_given_back() -> None:
    slots = Slots(SIZE, 1, 4, shared=False)
    taken = [slot for slot, _ in iter(slots.take, None)]
    slots.give_back(taken[0])
    again = slots.take()
    assert again is not None
    assert again[0] == taken[0]


@pytest.mark.parametrize(
    ("workers", "batches", "expected"),
    [(0, 100, (1, 4)), (1, 100, (1, 4)), (2, 100, (2, 3)), (8, 100, (8, 3)), (8, 2, (8, 1)), (0, 1, (1, 1))],
)
def test_there_are_as_many_pieces_as_are_needed_at_once(workers: int, batches: int, expected: tuple[int, int]) -> None:
    slots = make_slots(SIZE, workers, batches)
    assert slots is not None
    assert slots._memory.shape == (*expected, SIZE)
    assert slots._memory.is_shared() == (workers > 0)


def test_no_more_than_half_of_the_shared_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=8 * SIZE - 1))
    assert make_slots(SIZE, 1, 100) is None
    assert make_slots(SIZE, 0, 100) is not None
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=8 * SIZE))
    assert make_slots(SIZE, 1, 100) is not None


class Numbers(TorchDataset[Slot | None]):
    def __init__(self, slots: Slots) -> None:
        self.slots = slots

    def __len__(self) -> int:
        return 60

    def __getitem__(self, index: int) -> Slot | None:
        return filled(self.slots, index)


def numbers(slots: Slots, workers: int, context: str = "fork") -> Iterator[Slot | None]:
    yield from DataLoader(Numbers(slots), batch_size=None, num_workers=workers, multiprocessing_context=context)


@pytest.mark.parametrize(("workers", "context"), [(1, "fork"), (2, "fork"), (3, "fork"), (2, "spawn")])
def test_loader_processes_always_find_a_piece_for_who_holds_one_batch(workers: int, context: str) -> None:
    slots = make_slots(SIZE, workers, 60)
    assert slots is not None
    seen = 0
    for index, slot in enumerate(numbers(slots, workers, context)):
        assert slot is not None
        batch = slots.lent(slot)  # while the name still holds the one before
        assert torch.equal(batch, torch.full((SIZE,), index, dtype=torch.uint8))
        seen += 1
    assert seen == 60


@pytest.mark.parametrize("workers", [1, 2])
def test_pieces_that_were_all_held_go_round_again_when_they_are_left(workers: int) -> None:
    slots = make_slots(SIZE, workers, 60)
    assert slots is not None
    held: list[Tensor] = []
    found = []
    for index, slot in enumerate(numbers(slots, workers)):
        if index > 30:
            held.clear()
        if slot is not None:
            held.append(slots.lent(slot))
            assert int(held[-1].min()) == int(held[-1].max()) == index
        found.append(slot is not None)
    pieces = slots._memory.shape[0] * slots._memory.shape[1]
    assert sum(found[:31]) == pieces
    assert all(found[31 + 3 * workers :])
