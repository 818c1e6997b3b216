"""Tracing holds for every image size, and says whose fault it is if it cannot be done."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from mstasks.bound import BoundTask
from mstasks.exporter import ExportError
from mstasks.heads import DecoderHead, DenseHead, LinearHead, PooledHead
from mstasks.network import build_network
from mstasks.recipe.model import Backbone, Decoder
from mstasks.traced import DecodedNetwork, trace


def whole(model: str, decode: Callable[[Tensor], Tensor] = torch.sigmoid, stride: Any = None) -> DecodedNetwork:
    torch.manual_seed(0)
    heads = {
        "depth": lambda info: DenseHead(info, 2),
        "edges": lambda info: LinearHead(info, 1),
        "normals": lambda info: DecoderHead(info, 3),
        "names": lambda info: PooledHead(info, 3),
    }
    network = build_network(Backbone(model=model, output_stride=stride), Decoder(width=8), (64, 64), heads)
    task: Any = SimpleNamespace(decode=decode)
    return DecodedNetwork(network, {name: BoundTask(name, task, name) for name in heads}).eval()


def assert_holds(network: DecodedNetwork) -> None:
    program = trace(network).module()
    for batch, height, width in ((1, 64, 64), (2, 65, 97), (1, 95, 128), (3, 80, 66)):
        images = torch.rand(batch, 3, height, width)
        with torch.no_grad():
            expected, found = network(images), program(images)
        assert found["depth"].shape == (batch, 2, height, width)
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", ["test_resnet", "test_vit"])
def test_one_program_serves_all_sizes(model: str) -> None:
    assert_holds(whole(model))


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", ["resnet18", "resnet50", "tf_efficientnet_lite0", "mobilenetv3_small_050", "convnext_atto"]
)
def test_one_program_serves_all_sizes_for_every_backbone(model: str) -> None:
    assert_holds(whole(model, stride=8 if model == "resnet50" else None))


def test_a_program_does_not_take_the_path_of_its_first_image_for_all() -> None:
    """The check above sees a size that was taken for a constant: this decoding has one."""

    def stuck(raw: Tensor) -> Tensor:
        return raw * float(raw.shape[-1])

    with pytest.raises((AssertionError, RuntimeError, ExportError)):
        assert_holds(whole("test_resnet", stuck))


def test_a_decoding_that_cannot_be_traced_is_named() -> None:
    def branching(raw: Tensor) -> Tensor:
        return raw if bool((raw > 0).all()) else -raw

    with pytest.raises(ExportError, match=r"task 'depth': its `decode` cannot be exported: .*Write it in torch oper"):
        trace(whole("test_resnet", branching))


def test_a_network_that_does_not_run_at_odd_sizes_is_named_not_its_tasks() -> None:
    network = whole("test_resnet")

    def only_even(images: Tensor) -> dict[str, Tensor]:
        raise ValueError("sizes must be even")

    network.network.forward = only_even
    with pytest.raises(ExportError, match=r"the network cannot run on an image of odd size: ValueError: sizes must be"):
        trace(network)
