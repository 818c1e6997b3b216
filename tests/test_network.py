"""The whole network on every kind of backbone: one pass, gradients everywhere, no example sees another."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mstasks.backbone import build_backbone
from mstasks.features import FeatureInfo, Features
from mstasks.heads import ASPPHead, DenseHead, PooledHead
from mstasks.network import HeadFactory, Network, build_network
from mstasks.recipe.model import Backbone, Decoder

BACKBONES = [
    ("resnet18", None),
    ("resnet50", 8),
    ("tf_efficientnet_lite0", None),
    ("mobilenetv3_small_050", None),
    ("convnext_atto", None),
    ("vit_tiny_patch16_224", None),
]
HEADS: dict[str, HeadFactory] = {
    "depth": lambda info: DenseHead(info, 1),
    "segmentation": lambda info: ASPPHead(info, 4),
    "attributes": lambda info: PooledHead(info, 3),
}


def network_of(model: str, output_stride: Any = None, heads: dict[str, HeadFactory] = HEADS, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return build_network(Backbone(model=model, output_stride=output_stride), Decoder(width=16), (64, 96), heads)


@pytest.fixture(scope="module")
def small() -> Network:
    return network_of("mobilenetv3_small_050").eval()


def images(batch: int = 2, size: tuple[int, int] = (64, 96)) -> Tensor:
    return torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("model", "output_stride"), BACKBONES)
def test_one_pass_serves_all_heads_and_trains_every_parameter(model: str, output_stride: int | None) -> None:
    network = network_of(model, output_stride).train()
    for name, value in network.named_parameters():
        if name.endswith("weight") and not value.any():  # timm starts the last norm of a ResNet's blocks at zero
            nn.init.constant_(value, 0.5)
    passes = []
    network.backbone.register_forward_hook(lambda *_: passes.append(1))
    out = network(images())
    stride = network.info.strides[-1]
    assert len(passes) == 1
    assert {name: tuple(value.shape) for name, value in out.items()} == {
        "depth": (2, 1, 16, 24),
        "segmentation": (2, 4, 64 // stride, 96 // stride),
        "attributes": (2, 3),
    }
    sum(value.square().mean() for value in out.values()).backward()  # type: ignore[union-attr]
    untouched = [name for name, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    assert untouched == []


@pytest.mark.parametrize("size", [(65, 97), (33, 47), (128, 64)])
@pytest.mark.parametrize("model", ["resnet18", "convnext_atto", "vit_tiny_patch16_224", "mobilenetv3_small_050"])
def test_any_image_size_is_taken(model: str, size: tuple[int, int]) -> None:
    with torch.no_grad():
        out = network_of(model).eval()(images(1, size))
    height, width = out["depth"].shape[-2:]
    assert abs(height * 4 - size[0]) < 32
    assert abs(width * 4 - size[1]) < 32


@pytest.mark.parametrize("model", ["mobilenetv3_small_050", "vit_tiny_patch16_224"])
def test_in_evaluation_no_image_sees_another(model: str) -> None:
    network, batch = network_of(model).eval(), images(3)
    with torch.no_grad():
        together = network(batch)
        alone = [network(batch[index : index + 1]) for index in range(3)]
    for name, value in together.items():
        torch.testing.assert_close(value, torch.cat([one[name] for one in alone]), atol=1e-5, rtol=1e-4)


def test_chosen_heads_alone_run_in_the_order_of_the_network(small: Network) -> None:
    ran: list[str] = []
    hooks = [head.register_forward_hook(lambda *_, name=name: ran.append(name)) for name, head in small.heads.items()]
    everything, some = small(images()), small(images(), ("attributes", "depth"))
    for hook in hooks:
        hook.remove()
    assert ran == ["depth", "segmentation", "attributes", "depth", "attributes"]
    assert list(some) == ["depth", "attributes"]
    assert all(torch.equal(value, everything[name]) for name, value in some.items())
    assert small(images(), ()) == {}
    with pytest.raises(ValueError, match=r"no head for task 'edges'\. It has depth, segmentation, attributes\."):
        small(images(), ("depth", "edges"))


def test_no_trunk_is_built_when_no_head_reads_it() -> None:
    network = network_of("mobilenetv3_small_050", heads={"attributes": HEADS["attributes"]})
    assert network.trunk is None
    assert list(network.shared) == ["backbone"]
    assert network.features(images()).trunk is None
    assert not any(name.startswith("trunk") for name in network.state_dict())


def test_a_module_that_does_not_say_otherwise_reads_the_trunk() -> None:
    class Plain(nn.Module):
        def forward(self, features: Features) -> Tensor:
            assert features.trunk is not None
            return features.trunk.mean(dim=1, keepdim=True)

    network = network_of("mobilenetv3_small_050", heads={"plain": lambda info: Plain()})
    assert network(images())["plain"].shape == (2, 1, 16, 24)


def test_heads_are_told_what_they_get(small: Network) -> None:
    features = small.features(images())
    assert features.trunk is not None
    assert features.trunk.shape[1] == small.info.trunk_channels == 16
    assert tuple(level.shape[1] for level in features.backbone) == small.info.channels
    assert small.info == FeatureInfo(16, 4, (16, 8, 16, 24, 288), (2, 4, 8, 16, 32))


def test_the_shared_part_is_backbone_and_trunk(small: Network) -> None:
    shared = {id(value) for part in small.shared.values() for value in part.parameters()}
    heads = {id(value) for value in small.heads.parameters()}
    assert list(small.shared) == ["backbone", "trunk"]
    assert not shared & heads
    assert shared | heads == {id(value) for value in small.parameters()}


def test_the_seed_decides_every_weight_and_the_shared_part_ignores_the_heads() -> None:
    first, again = (network_of("mobilenetv3_small_050", seed=7).state_dict() for _ in range(2))
    other = network_of("mobilenetv3_small_050", seed=8).state_dict()
    alone = network_of("mobilenetv3_small_050", heads={"depth": HEADS["depth"]}, seed=7).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["heads.depth.predict.weight"], other["heads.depth.predict.weight"])
    shared = [name for name in first if not name.startswith("heads")]
    assert len(shared) > 100
    assert all(torch.equal(first[name], alone[name]) for name in shared)


def test_images_are_normalised_with_the_backbones_mean_and_std() -> None:
    backbone = build_backbone("tf_efficientnet_lite0", "random", (64, 64))
    network = Network(backbone, {"attributes": HEADS["attributes"]})
    torch.testing.assert_close(
        network.normalise(torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1)).flatten().tolist(), [-1.0, 0.0, 1.0]
    )
    assert {"mean", "std"} <= network.state_dict().keys()


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), r"torch\.uint8 \(2, 3, 8, 8\)"),
        (torch.zeros(3, 8, 8), r"torch\.float32 \(3, 8, 8\)"),
        (torch.zeros(2, 8, 8, 3), r"torch\.float32 \(2, 8, 8, 3\)"),
    ],
)
def test_what_is_no_batch_of_images_is_explained(small: Network, bad: Tensor, found: str) -> None:
    with pytest.raises(ValueError, match=r"Images must be float in \[0, 1\], shape \(batch, 3, .* Found " + found):
        small(bad)


@pytest.mark.parametrize("name", ["a.b", "", "keys", "forward"])
def test_names_that_torch_keeps_are_refused(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"A task cannot be called '.*': the name is taken by torch, empty or holds a dot"
    ):
        network_of("mobilenetv3_small_050", heads={name: HEADS["depth"]})


def test_memory_format_does_not_change_predictions(small: Network) -> None:
    with torch.no_grad():
        expected = small(images())
        found = small(images().contiguous(memory_format=torch.channels_last))
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], atol=1e-5, rtol=1e-4)


def test_predictions_in_bfloat16_are_close_to_float32(small: Network) -> None:
    with torch.no_grad():
        expected = small(images())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = small(images())
    for name, value in found.items():
        assert value.dtype == torch.bfloat16
        assert (value.float() - expected[name]).abs().max() < 0.1 * expected[name].abs().max() + 0.02


def test_a_saved_network_predicts_the_same_after_loading(small: Network) -> None:
    other = network_of("mobilenetv3_small_050", seed=5).eval()
    other.load_state_dict(small.state_dict())
    with torch.no_grad():
        for name, value in small(images()).items():
            assert torch.equal(value, other(images())[name])
