"""The proximal step after an optimiser's step."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.optim import Optimizer

import mstasks.sparsity.adam_step as adam_step_module
from mstasks.sparsity.adam_prox import adam_prox
from mstasks.sparsity.denominators import denominator
from mstasks.sparsity.prox import euclidean_prox
from mstasks.sparsity.proximal import Metric, ProximalStep
from mstasks.sparsity.space import Member, Space, group_norms, group_weight

ADAPTIVE: dict[str, Callable[[Any], Optimizer]] = {
    "Adam": lambda p: torch.optim.Adam(p, lr=1e-2),
    "Adam amsgrad": lambda p: torch.optim.Adam(p, lr=1e-2, amsgrad=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=1e-2),
    "AdamW fused": lambda p: torch.optim.AdamW(p, lr=1e-2, fused=True),
    "AdamW foreach": lambda p: torch.optim.AdamW(p, lr=1e-2, foreach=True),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=1e-2),
    "RAdam": lambda p: torch.optim.RAdam(p, lr=1e-2),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=1e-2),
    "RMSprop centered": lambda p: torch.optim.RMSprop(p, lr=1e-2, centered=True),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2),
}
PLAIN = ("SGD", "ASGD", "Rprop", "Adamax", "Adadelta", "Adafactor", "LBFGS", "Muon")
COVERED = {name.split()[0] for name in ADAPTIVE} | {*PLAIN, "SparseAdam", "Optimizer"}


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.BatchNorm2d(6))
    for layer in (layers[0], layers[3]):
        layer.weight = nn.Parameter(layer.weight.detach().contiguous(memory_format=torch.channels_last))
    return layers


def spaces(floor: int = 0) -> list[Space]:
    return [
        Space("first", 8, tuple(Member(name) for name in ("0.weight", "0.bias", "1.weight", "1.bias")), floor),
        Space("second", 6, tuple(Member(name) for name in ("3.weight", "4.weight", "4.bias")), floor),
    ]


def fill_gradients(layers: nn.Module) -> None:
    images = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(1))
    layers.zero_grad()
    layers(images).square().mean().backward()


def stepped(make: Callable[[Any], Optimizer], steps: int = 8) -> tuple[nn.Module, Optimizer]:
    layers = network()
    optimizer = make(layers.parameters())
    for _ in range(steps):
        fill_gradients(layers)
        optimizer.step()
    return layers, optimizer


def prox_of(layers: nn.Module, optimizer: Optimizer, metric: Metric, floor: int = 0) -> ProximalStep:
    return ProximalStep(spaces(floor), dict(layers.named_parameters()), optimizer, metric)


def copies(layers: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.detach().clone() for name, parameter in layers.named_parameters()}


@pytest.mark.parametrize("make", [*ADAPTIVE.values(), lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9)])
def test_the_euclidean_step_is_the_functional_prox_at_the_learning_rate(make: Callable[[Any], Optimizer]) -> None:
    layers, optimizer = stepped(make)
    before = copies(layers)
    strengths = {"first": 20.0, "second": torch.tensor(15.0)}
    prox_of(layers, optimizer, "euclidean", floor=1)(strengths)
    for space in spaces(floor=1):
        threshold = 1e-2 * float(strengths[space.name]) * group_weight(space, before)
        expected = euclidean_prox(space.slices(before), space.dims, threshold, space.floor)
        for part, wanted in zip(space.slices(dict(layers.named_parameters())), expected, strict=True):
            torch.testing.assert_close(part.detach(), wanted)
    assert any((group_norms(space, dict(layers.named_parameters())) == 0).any() for space in spaces())


@pytest.mark.parametrize("name", ADAPTIVE)
@pytest.mark.parametrize("block", [1, 100, 2**18])
def test_the_adam_step_is_the_functional_prox_whatever_the_blocks(
    name: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adam_step_module, "_CPU_BLOCK", block)
    layers, optimizer = stepped(ADAPTIVE[name])
    before, group = copies(layers), optimizer.param_groups[0]
    prox_of(layers, optimizer, "adam", floor=1)({"first": 0.1, "second": torch.tensor(5.0)})
    died = 0
    for space, strength in zip(spaces(floor=1), (0.1, 5.0), strict=True):
        metric = {}
        for own, parameter in layers.named_parameters():
            found = denominator(optimizer, parameter, group)
            assert found is not None
            metric[own] = found.second_moment.sqrt() / found.correction + found.eps
        threshold = 1e-2 * strength * group_weight(space, before)
        expected = adam_prox(space.slices(before), space.dims, space.slices(metric), threshold, space.floor)
        for part, wanted in zip(space.slices(dict(layers.named_parameters())), expected, strict=True):
            torch.testing.assert_close(part.detach(), wanted, rtol=1e-4, atol=1e-8)
        died += int((group_norms(space, dict(layers.named_parameters())) == 0).sum())
    assert 0 < died < 14


MEASURED: dict[str, Callable[[Any], Optimizer]] = {
    "Adam": lambda p: torch.optim.Adam(p, betas=(0.0, 0.99), eps=1e-3),
    "Adam amsgrad": lambda p: torch.optim.Adam(p, betas=(0.0, 0.99), eps=1e-3, amsgrad=True),
    "AdamW": lambda p: torch.optim.AdamW(p, betas=(0.0, 0.99), eps=1e-3, weight_decay=0.0),
    "AdamW fused": lambda p: torch.optim.AdamW(p, betas=(0.0, 0.99), eps=1e-3, weight_decay=0.0, fused=True),
    "NAdam": lambda p: torch.optim.NAdam(p, betas=(0.0, 0.99), eps=1e-3),
    "RAdam": lambda p: torch.optim.RAdam(p, betas=(0.0, 0.99), eps=1e-3),
    "RMSprop": lambda p: torch.optim.RMSprop(p, eps=1e-3),
    "RMSprop centered": lambda p: torch.optim.RMSprop(p, eps=1e-3, centered=True),
    "Adagrad": lambda p: torch.optim.Adagrad(p, eps=1e-3),
}


@pytest.mark.parametrize("name", MEASURED)
def test_the_metric_is_what_the_optimiser_divides_by(name: str) -> None:
    """Measured from outside: without momentum, a step is learning rate x gradient / D."""
    generator = torch.Generator().manual_seed(0)
    parameter = nn.Parameter(torch.randn(50, generator=generator, dtype=torch.float64))
    optimizer = MEASURED[name]([parameter])
    group = optimizer.param_groups[0]
    for _ in range(12):
        parameter.grad = torch.randn(50, generator=generator, dtype=torch.float64) * 0.01
        before = parameter.detach().clone()
        optimizer.step()
    found = denominator(optimizer, parameter, group)
    assert found is not None
    assert parameter.grad is not None
    measured = group["lr"] * parameter.grad / (before - parameter.detach())
    expected = found.second_moment.sqrt() / found.correction + found.eps
    if name == "RAdam":  # its rectification is a factor of the learning rate
        measured, expected = measured / measured[0], expected / expected[0]
    torch.testing.assert_close(measured, expected, rtol=1e-6, atol=0)


def test_sparse_adam_has_a_metric() -> None:
    embedding = nn.Embedding(6, 3, sparse=True)
    optimizer = torch.optim.SparseAdam(embedding.parameters(), lr=1e-2)
    embedding(torch.arange(6)).square().sum().backward()
    optimizer.step()
    space = Space("rows", 6, (Member("weight"),), floor=2)
    ProximalStep([space], {"weight": embedding.weight}, optimizer, "adam")({"rows": 1e4})
    assert (embedding.weight != 0).any(1).sum() == 2


def test_every_optimiser_of_torch_is_covered_here() -> None:
    kinds = {name for name, kind in vars(torch.optim).items() if inspect.isclass(kind) and issubclass(kind, Optimizer)}
    assert kinds
    assert kinds == COVERED


@pytest.mark.parametrize("name", PLAIN)
def test_the_metric_is_refused_without_a_second_moment_per_entry(name: str) -> None:
    weight = nn.Parameter(torch.ones(3, 2))
    optimizer = getattr(torch.optim, name)([weight], lr=0.1)
    space = Space("s", 3, (Member("weight"),), floor=0)
    pattern = rf"needs an optimiser with a second moment per entry: AdamW, Adam, .* Found {name}; use one of them, or the euclidean"
    with pytest.raises(ValueError, match=pattern):
        ProximalStep([space], {"weight": weight}, optimizer, "adam")
    ProximalStep([space], {"weight": weight}, optimizer, "euclidean")({"s": 1.0})
    assert weight[0, 0].item() == pytest.approx(1 - 0.1)


def test_a_space_that_was_never_stepped_is_left_alone_in_the_adam_metric() -> None:
    layers = network()
    optimizer = torch.optim.AdamW(layers.parameters())
    before = copies(layers)
    prox_of(layers, optimizer, "adam")({"first": 1e6, "second": 1e6})
    assert all(torch.equal(parameter, before[name]) for name, parameter in layers.named_parameters())


@pytest.mark.parametrize("metric", ["euclidean", "adam"])
def test_a_space_without_a_strength_is_left_alone(metric: Metric) -> None:
    layers, optimizer = stepped(ADAPTIVE["AdamW"])
    before = copies(layers)
    prox_of(layers, optimizer, metric)({"second": 1e6})
    after = copies(layers)
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed == {"3.weight", "4.weight", "4.bias"}
    assert (group_norms(spaces()[1], after) == 0).all()


@pytest.mark.parametrize("metric", ["euclidean", "adam"])
def test_one_strength_a_group(metric: Metric) -> None:
    layers, optimizer = stepped(ADAPTIVE["AdamW"])
    strengths = torch.tensor([0.0, 1e6, 0.0, 1e6, 0.0, 0.0])
    prox_of(layers, optimizer, metric)({"second": strengths})
    alive = group_norms(spaces()[1], copies(layers)) > 0
    assert alive.tolist() == [True, False, True, False, True, True]


@pytest.mark.parametrize("metric", ["euclidean", "adam"])
def test_the_size_of_the_step_is_the_learning_rate_at_the_call(metric: Metric) -> None:
    found, most = [], {"euclidean": 0.5, "adam": 1e-3}[metric]
    for rate, strength in ((1e-3, most), (1e-2, most / 10), (1e-2, most)):
        layers, optimizer = stepped(ADAPTIVE["AdamW"])
        optimizer.param_groups[0]["lr"] = rate
        prox_of(layers, optimizer, metric)({"first": strength})
        found.append(group_norms(spaces()[0], copies(layers)))
    torch.testing.assert_close(found[0], found[1])
    assert found[2].sum() < found[1].sum()


@pytest.mark.parametrize("metric", ["euclidean", "adam"])
def test_the_step_follows_a_state_that_is_loaded_later(metric: Metric) -> None:
    layers, optimizer = stepped(ADAPTIVE["AdamW"])
    step = prox_of(layers, optimizer, metric)
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.param_groups[0]["lr"] = 0.0
    before = copies(layers)
    step({"first": 1e3, "second": 1e3})
    assert all(torch.equal(parameter, before[name]) for name, parameter in layers.named_parameters())


@pytest.mark.parametrize("metric", ["euclidean", "adam"])
def test_nothing_is_read_back_from_the_device(metric: Metric) -> None:
    """Fake tensors have no values: whatever would wait for one raises."""
    with FakeTensorMode():
        layers = network()
        optimizer = torch.optim.AdamW(layers.parameters(), lr=torch.tensor(1e-2), fused=True)
        for parameter in layers.parameters():
            optimizer.state[parameter] = {"step": torch.tensor(3.0), "exp_avg_sq": torch.rand_like(parameter)}
        prox_of(layers, optimizer, metric, floor=2)({"first": torch.tensor(1.0), "second": 0.5})


def test_reading_back_would_be_noticed() -> None:
    with FakeTensorMode(), pytest.raises(DataDependentOutputException):
        torch.ones(3).sum().item()


def test_a_member_that_is_not_optimised_is_explained() -> None:
    layers = network()
    optimizer = torch.optim.AdamW(layers[0].parameters())
    with pytest.raises(ValueError, match=r"`1\.weight` of space `first` is not a parameter of the optimiser"):
        prox_of(layers, optimizer, "euclidean")


def test_members_with_different_learning_rates_are_explained() -> None:
    layers = network()
    optimizer = torch.optim.AdamW([{"params": layers[0].parameters(), "lr": 0.1}, {"params": layers[1:].parameters()}])
    pattern = (
        r"The members of space `first` must have one learning rate. Found 0.1 for `0.weight`, .* 0.001 for `1.weight`"
    )
    with pytest.raises(ValueError, match=pattern):
        prox_of(layers, optimizer, "euclidean")({"first": 1.0})
