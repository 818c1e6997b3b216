"""Spaces and their groups."""

from __future__ import annotations

import pytest
import torch

from mstasks.sparsity.space import (
    Member,
    Space,
    default_floor,
    group_norms,
    group_size,
    group_weight,
    scale_groups,
    with_slices,
)

SPACE = Space("s", 3, (Member("conv"), Member("norm", 0, 2), Member("next", 1, 1)), floor=1)


def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"conv": (3, 2, 3, 3), "norm": (6,), "next": (5, 4), "other": (2,)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def entries(parameters: dict[str, torch.Tensor], c: int) -> torch.Tensor:
    own = (parameters["conv"][c].flatten(), parameters["norm"][2 + c : 3 + c], parameters["next"][:, 1 + c])
    return torch.cat(own)


def test_a_group_is_its_channels_slice_of_every_member() -> None:
    parameters = tensors()
    assert group_size(SPACE, parameters) == len(entries(parameters, 0)) == 24
    assert group_weight(SPACE, parameters) == pytest.approx(24**0.5)
    expected = torch.stack([entries(parameters, c).norm() for c in range(3)])
    torch.testing.assert_close(group_norms(SPACE, parameters), expected)


def test_scaling_touches_the_groups_and_nothing_else() -> None:
    parameters, before = tensors(), tensors()
    scale_groups(SPACE, parameters, torch.tensor([0.0, 1.0, 2.0]))
    for c, factor in enumerate((0, 1, 2)):
        assert torch.equal(entries(parameters, c), entries(before, c) * factor)
    assert torch.equal(parameters["norm"][[0, 1, 5]], before["norm"][[0, 1, 5]])
    assert torch.equal(parameters["next"][:, 0], before["next"][:, 0])
    assert torch.equal(parameters["other"], before["other"])


def test_replaced_slices_are_a_differentiable_copy() -> None:
    parameters = tensors()
    slices = [part.clone().requires_grad_() for part in SPACE.slices(parameters)]
    replaced = with_slices(SPACE, parameters, [2 * part for part in slices])
    assert torch.equal(replaced["norm"][2:5], 2 * parameters["norm"][2:5])
    assert torch.equal(replaced["norm"][:2], parameters["norm"][:2])
    assert replaced["other"] is parameters["other"]
    sum(value.sum() for value in replaced.values()).backward()
    assert all((part.grad == 2).all() for part in slices)


def test_the_default_floor_is_a_sixteenth_rounded_up() -> None:
    assert [default_floor(size) for size in (1, 16, 17, 64, 2048)] == [1, 1, 2, 4, 128]


def test_a_tensor_that_is_too_small_is_explained() -> None:
    with pytest.raises(
        ValueError, match=r"`norm` must have at least 5 positions along dimension 0. Found shape \(4,\)"
    ):
        SPACE.slices({**tensors(), "norm": torch.zeros(4)})


def test_an_impossible_floor_is_explained() -> None:
    with pytest.raises(ValueError, match=r"`floor` of space `s` must be in \[0, 3\]. Found 4."):
        Space("s", 3, (Member("conv"),), floor=4)


def test_a_space_without_members_is_explained() -> None:
    with pytest.raises(ValueError, match="Space `s` must have at least one member"):
        Space("s", 3, (), floor=1)
