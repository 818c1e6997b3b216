"""Batches of labels with their masks."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from mstasks import Target


def example() -> Target:
    value = torch.arange(24.0).reshape(3, 1, 2, 4)
    valid = torch.zeros(3, 1, 2, 4, dtype=torch.bool)
    valid[0] = True
    valid[2, 0, 1, 3] = True
    return Target(value, valid)


def test_its_length_is_the_batch() -> None:
    assert len(example()) == 3


def test_an_example_with_one_valid_element_is_labelled() -> None:
    assert example().labelled().tolist() == [True, False, True]


@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 5), (2, 1, 4, 5)])
def test_labelled_works_for_every_number_of_dimensions(shape: tuple[int, ...]) -> None:
    valid = torch.zeros(shape, dtype=torch.bool)
    valid[1] = True
    assert Target(torch.zeros(shape), valid).labelled().tolist() == [False, True]


def test_a_slice_is_a_smaller_batch() -> None:
    part = example()[1:]
    assert len(part) == 2
    assert torch.equal(part.value, example().value[1:])
    assert part.labelled().tolist() == [False, True]


def test_moving_it_moves_both_parts() -> None:
    moved = example().to("meta", non_blocking=True)
    assert moved.value.device.type == moved.valid.device.type == "meta"


def test_it_is_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        example().value = torch.zeros(1)  # type: ignore[misc]


def test_a_mask_of_numbers_is_explained() -> None:
    with pytest.raises(ValueError, match=r"`valid` must be boolean\. Found torch\.uint8\."):
        Target(torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.uint8))


def test_a_mask_of_another_rank_is_explained() -> None:
    with pytest.raises(ValueError, match=r"same number of dimensions\. Found \(2, 1, 4, 4\) and \(2, 4, 4\)"):
        Target(torch.zeros(2, 1, 4, 4), torch.ones(2, 4, 4, dtype=torch.bool))
