"""A piece of memory is used again when nobody holds what lies in it, and never before."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from mstasks.data.slots import Slot, Slots

SIZE = 1000


def filled(slots: Slots, byte: int) -> Slot | None:
    taken = slots.take()
    if taken is None:
        return None
    slot, memory = taken
    memory.fill_(byte)
    return slot


def test_what_is_held_is_never_filled_again() -> None:
    slots = Slots(SIZE, 0)
    held: list[Tensor] = []
    while (slot := filled(slots, len(held))) is not None:
        held.append(slots.lent(slot))
    assert len(held) >= 2
    assert [int(tensor.max()) for tensor in held] == list(range(len(held)))
    assert all(torch.equal(tensor, tensor[:1].expand(SIZE)) for tensor in held)


def test_a_piece_comes_back_when_the_last_view_of_it_is_gone() -> None:
    slots = Slots(SIZE, 0)
    held = [slots.lent(slot) for slot in iter(lambda: filled(slots, 7), None)]
    view = held.pop(0)[64:128].view(torch.float32).reshape(4, 4).T
    assert slots.take() is None
    doubled = view * 2
    del view
    assert slots.take() is not None
    assert slots.take() is None
    del doubled


def test_a_graph_that_needs_a_batch_keeps_it() -> None:
    slots = Slots(SIZE, 0)
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
    slots = Slots(SIZE, 0)
    taken = [slot for slot, _ in iter(slots.take, None)]
    slots.give_back(taken[0])
    again = slots.take()
    assert again is not None
    assert again[0] == taken[0]


class Numbers(TorchDataset[Slot | None]):
    def __init__(self, slots: Slots) -> None:
        self.slots = slots

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> Slot | None:
        return filled(self.slots, index)


def numbers(slots: Slots, context: str) -> Iterator[Slot | None]:
    yield from DataLoader(Numbers(slots), batch_size=None, num_workers=2, multiprocessing_context=context)


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_loader_processes_and_the_one_that_trains_see_the_same_bytes(context: str) -> None:
    slots = Slots(SIZE, 2)
    seen = []
    for index, slot in enumerate(numbers(slots, context)):
        assert slot is not None, "two batches held, and none left"
        tensor = slots.lent(slot)
        assert torch.equal(tensor, torch.full((SIZE,), index, dtype=torch.uint8))
        seen.append(slot)
    assert len(seen) == 40
    assert len(set(seen)) <= 8


def test_loader_processes_whose_pieces_are_all_held_find_none_and_go_on() -> None:
    slots = Slots(SIZE, 2)
    held = [slots.lent(slot) for slot in numbers(slots, "fork") if slot is not None]
    assert 4 <= len(held) <= 8
    assert sorted({int(tensor[0]) for tensor in held}) == sorted(int(tensor.max()) for tensor in held)
