"""Removed groups stay zero through everything that moves weights; the others do not notice."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mstasks.sparsity.mask import Mask
from mstasks.sparsity.space import Member, Space
from mstasks.sparsity.spaces import Spaces

DEAD = {
    "layers.first": torch.tensor([0, 1, 0, 1, 0, 0], dtype=torch.bool),
    "layers.second": torch.tensor([1, 0, 0, 0], dtype=torch.bool),
}


def network() -> nn.Sequential:
    """Two convolutions with norms and SiLU, which a norm's shift alone would revive; the third layer is no member."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.SiLU(), nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4), nn.SiLU(),
        nn.Conv2d(4, 2, 1),
    )  # fmt: skip


def spaces() -> Spaces:
    first = tuple(Member(name) for name in ("0.weight", "0.bias", "1.weight", "1.bias"))
    second = tuple(Member(name) for name in ("3.weight", "3.bias", "4.weight", "4.bias"))
    both = (Space("layers.first", 6, first, 1), Space("layers.second", 4, second, 1))
    return Spaces("channel", "backbone", both, ())


def optimizers(layers: nn.Module) -> dict[str, Optimizer]:
    parameters = list(layers.parameters())
    return {
        "AdamW": torch.optim.AdamW(parameters, lr=0.05, weight_decay=0.1),
        "AMSGrad": torch.optim.Adam(parameters, lr=0.05, amsgrad=True),
        "SGD": torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=0.1),
    }


def backward(layers: nn.Module, seed: int) -> None:
    images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    layers.zero_grad()
    layers(images).square().mean().backward()


def groups(tensors: dict[str, Tensor], dead: bool) -> Tensor:
    """All entries of the removed groups, or of the others."""
    found = []
    for space in spaces().spaces:
        chosen = DEAD[space.name] if dead else ~DEAD[space.name]
        found += [tensors[member.parameter][chosen].flatten() for member in space.members]
    return torch.cat(found)


def parameters_of(layers: nn.Module) -> dict[str, nn.Parameter]:
    return dict(layers.named_parameters())


@pytest.mark.parametrize("name", ["AdamW", "AMSGrad", "SGD"])
def test_removed_groups_stay_zero_whatever_the_optimiser_does(name: str) -> None:
    layers, mask = network(), Mask(spaces())
    optimizer = optimizers(layers)[name]
    ema = get_ema_multi_avg_fn(0.9)  # type: ignore[no-untyped-call]
    average = AveragedModel(layers, multi_avg_fn=ema, use_buffers=True)
    for step in range(12):
        backward(layers, step)
        mask.mask_gradients(parameters_of(layers))
        optimizer.step()
        if step == 4:
            mask.remove(DEAD, parameters_of(layers), optimizer)
            moments = [
                {n: optimizer.state[p][kind] for n, p in parameters_of(layers).items()}
                for kind, value in optimizer.state[layers[0].weight].items()
                if isinstance(value, Tensor) and value.dim()
            ]
            assert len(moments) == {"AdamW": 2, "AMSGrad": 3, "SGD": 1}[name]
            for moment in moments:
                assert groups(moment, dead=True).count_nonzero() == 0
                assert groups(moment, dead=False).count_nonzero() > 0
        average.update_parameters(layers)
        mask.apply_to(parameters_of(layers))
        mask.apply_to(parameters_of(average.module))
        for tensors in (parameters_of(layers), parameters_of(average.module)):
            assert (groups(tensors, dead=True).count_nonzero() == 0) == (step >= 4)
            assert groups(tensors, dead=False).count_nonzero() == groups(tensors, dead=False).numel()


@pytest.mark.parametrize("left_out", ["moments", "gradients"])
def test_momentum_or_gradients_alone_would_revive_a_group(left_out: str) -> None:
    """Why all of it is needed: without one half, a single step of AdamW moves the zeros."""
    layers, mask = network(), Mask(spaces())
    optimizer = optimizers(layers)["AdamW"]
    backward(layers, 0)
    optimizer.step()
    state = copy.deepcopy(optimizer.state_dict())
    mask.remove(DEAD, parameters_of(layers), optimizer)
    backward(layers, 1)
    if left_out == "moments":
        optimizer.load_state_dict(state)
        mask.mask_gradients(parameters_of(layers))
    optimizer.step()
    assert groups(parameters_of(layers), dead=True).count_nonzero() > 0


def test_gradients_of_removed_groups_are_zero_and_others_as_they_were() -> None:
    layers, mask = network(), Mask(spaces())
    mask.remove(DEAD, parameters_of(layers), optimizers(layers)["AdamW"])
    backward(layers, 0)
    before = {name: parameter.grad.clone() for name, parameter in layers.named_parameters()}
    assert groups(before, dead=True).count_nonzero() > 0
    mask.mask_gradients(parameters_of(layers))
    after = {name: parameter.grad for name, parameter in layers.named_parameters()}
    assert groups(after, dead=True).count_nonzero() == 0
    assert torch.equal(groups(after, dead=False), groups(before, dead=False))
    assert torch.equal(after["6.weight"], before["6.weight"])


def test_missing_gradients_and_moments_are_no_trouble() -> None:
    layers, mask = network(), Mask(spaces())
    mask.remove(DEAD, parameters_of(layers), optimizers(layers)["AdamW"])
    mask.mask_gradients(parameters_of(layers))
    assert groups(parameters_of(layers), dead=True).count_nonzero() == 0


def test_nothing_changes_before_a_removal() -> None:
    layers, mask = network(), Mask(spaces())
    before = {name: parameter.detach().clone() for name, parameter in layers.named_parameters()}
    backward(layers, 0)
    mask.mask_gradients(parameters_of(layers))
    mask.apply_to(parameters_of(layers))
    assert all(torch.equal(before[name], parameter) for name, parameter in layers.named_parameters())
    assert all(alive.all() for alive in mask.alive.values())


def test_what_was_removed_stays_removed() -> None:
    layers, mask = network(), Mask(spaces())
    optimizer = optimizers(layers)["AdamW"]
    mask.remove({"layers.second": DEAD["layers.second"]}, parameters_of(layers), optimizer)
    mask.remove({"layers.second": torch.tensor([0, 0, 1, 0], dtype=torch.bool)}, parameters_of(layers), optimizer)
    assert mask.alive["layers.second"].tolist() == [False, True, False, True]
    assert mask.alive["layers.first"].all()


@pytest.mark.parametrize("place", ["as made", "moved", "copied"])
def test_a_loaded_mask_holds_what_the_saved_one_did(place: str) -> None:
    layers, mask = network(), Mask(spaces())
    mask.remove(DEAD, parameters_of(layers), optimizers(layers)["AdamW"])
    fresh, other = Mask(spaces()), network()
    fresh.apply_to(parameters_of(other))  # remembers that nothing was removed
    if place == "copied":
        fresh = copy.deepcopy(fresh)
    fresh.load_state_dict(mask.state_dict())
    if place == "moved":
        fresh.to("cpu")
    assert all(torch.equal(fresh.alive[name], mask.alive[name]) for name in DEAD)
    fresh.apply_to(parameters_of(other))
    assert groups(parameters_of(other), dead=True).count_nonzero() == 0
    assert groups(parameters_of(other), dead=False).count_nonzero() > 0
