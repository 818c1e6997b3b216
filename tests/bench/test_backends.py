from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch._inductor import config as inductor_config

from mstasks.bench import backends
from mstasks.bench.arms import largest_difference, pass_of, predictions, prepare_arms
from mstasks.bench.backends import BACKENDS, Backend, UnavailableError, start
from mstasks.network import Network

SIZE = (32, 32)
EXACT = ("channels_last", "eager", "folded")


def images(batch: int = 2) -> torch.Tensor:
    return torch.rand(batch, 3, *SIZE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", EXACT)
def test_float32_backends_predict_what_the_network_does(network: Network, name: str) -> None:
    before = copy.deepcopy(network.state_dict())
    found = predictions(start(BACKENDS[name], network, images()), images())
    assert largest_difference(predictions(network, images()), found) < 1e-5
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not network.backbone._forward_pre_hooks


def test_bfloat16_gives_float32_tensors_that_are_close(network: Network) -> None:
    found = predictions(start(BACKENDS["bfloat16"], network, images()), images())
    difference = largest_difference(predictions(network, images()), found)
    assert 1e-5 < difference < 0.1  # equal predictions would mean that nothing ran in bfloat16


@pytest.mark.parametrize(("name", "last"), [("eager", False), ("channels_last", True), ("folded", True)])
def test_maps_lie_in_memory_as_the_backend_says(network: Network, name: str, last: bool) -> None:
    forward = BACKENDS[name].prepare(network, SIZE)
    assert isinstance(forward, Network)
    with torch.no_grad():
        maps = forward.features(images()).backbone
    found = [level.is_contiguous(memory_format=torch.channels_last) for level in maps if level.shape[-1] > 1]
    assert len(found) > 2
    assert found == [last] * len(found)


def test_folding_leaves_no_norm_behind_a_convolution(network: Network) -> None:
    forward = BACKENDS["folded"].prepare(network, SIZE)
    assert isinstance(forward, Network)
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) > 20
    assert not any(isinstance(module, nn.BatchNorm2d) for module in forward.modules())


def test_a_network_that_is_folded_already_is_left_out_with_the_reason(network: Network) -> None:
    folded = BACKENDS["folded"].prepare(network, SIZE)
    assert isinstance(folded, Network)
    arms, left_out = prepare_arms({"compact": folded}, [BACKENDS["channels_last"], BACKENDS["folded"]], images())
    assert [(arm.network, arm.backend) for arm in arms] == [("compact", "channels_last")]
    assert left_out == ["compact, folded: no BatchNorm directly follows a convolution"]


def test_a_backend_that_fails_here_is_left_out_with_the_reason(network: Network) -> None:
    def fail(network: Network, size: tuple[int, int]) -> Network:
        raise RuntimeError("no compiler\n found: details")

    with pytest.raises(UnavailableError, match=r"^RuntimeError: no compiler$"):
        start(Backend("broken", "", fail), network, images())
    with pytest.raises(UnavailableError, match=r"^MemoryError$"):
        start(Backend("broken", "", lambda *_: lambda images: (_ for _ in ()).throw(MemoryError())), network, images())


def test_compiling_is_asked_of_torch_with_the_folded_network(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Network, dict[str, object]]] = []
    frozen: list[bool] = []

    def compile(module: Network, **how: object) -> Any:
        asked.append((module, how))
        return lambda images: frozen.append(inductor_config.freezing) or module(images)

    monkeypatch.setattr(torch, "compile", compile)
    start(BACKENDS["compiled"], network, images())
    [(module, how)] = asked
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in module.modules())
    assert how == {"dynamic": False}
    assert frozen == [True], "set while torch compiles, which is at the first call"
    assert not inductor_config.freezing
    assert BACKENDS["compiled"].on_request


def test_differences_by_hand() -> None:
    expected = {"a": torch.tensor([1.0, -4.0]), "b": torch.tensor([0.5])}
    assert largest_difference(expected, expected) == 0
    assert largest_difference(expected, {"a": torch.tensor([2.0, -4.0]), "b": torch.tensor([0.5])}) == 0.25
    assert largest_difference(expected, {"a": expected["a"], "b": torch.tensor([0.75])}) == 0.5
    assert largest_difference({"a": torch.zeros(1)}, {"a": torch.ones(1)}) == float("inf")
    assert largest_difference({"a": torch.zeros(1)}, {"a": torch.zeros(1)}) == 0
    assert largest_difference(expected, expected | {"a": torch.tensor([float("nan"), 0])}) != 0


def test_a_pass_runs_without_gradients() -> None:
    seen: list[bool] = []
    pass_of(lambda _: seen.append(torch.is_grad_enabled()) or {}, images())()
    assert seen == [False]


def test_every_backend_has_a_line_and_its_own_name() -> None:
    assert next(iter(BACKENDS)) == "channels_last"
    assert all(backend.name == name and backend.summary for name, backend in BACKENDS.items())
    assert backends.channels_last is BACKENDS["channels_last"].prepare
